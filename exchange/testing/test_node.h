// A node with an exchange, on fake hosts and a clock that the test moves.
#pragma once

#include "exchange/access_control.h"
#include "exchange/exchange.h"
#include "exchange/testing/fake_blocks.h"
#include "exchange/testing/fake_network.h"
#include "index/block_index.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>

namespace kvp2p::testing {

base::Bytes test_cluster_key();

/// Collects what a fetch brings and checks every frame against its digests.
class CollectingSink final : public FetchSink {
 public:
  void on_frame(ReceivedFrame frame) override;
  void on_gone(std::uint32_t first_block, std::uint32_t blocks) override;
  void on_end(base::Result<> result) override;

  /// By layer and block: the slice.
  std::map<std::pair<std::uint32_t, std::uint32_t>, base::Bytes> slices;
  std::vector<std::uint32_t> layer_order;  // of frames
  std::set<std::uint32_t> gone;
  std::optional<base::Result<>> outcome;
  std::size_t frames = 0;
  std::size_t bad_leaves = 0;  // or frames that cannot be unpacked
  std::size_t packed_frames = 0;
  std::size_t head_slice_bytes = test_format().head_slice_bytes();
  /// Called in each on_frame.
  std::function<void()> also;
  /// Leases are kept, as a consumer that has not got round to scattering does.
  bool hoard = false;
  std::vector<StagingLease> hoarded;
};

struct TestNodeOptions {
  bool open = false;
  base::Bytes cluster_key = test_cluster_key();
  std::vector<multiformats::PeerId> trusted = {};
  std::size_t staging_slots = 16;
  std::size_t slot_bytes = 8192;
  std::size_t frame_bytes_max = 8192;
  /// Data connections that this node opens to a peer; 0: it does not speak them.
  std::size_t data_connections_max = 0;
  /// By a cluster file; null: none.
  std::shared_ptr<AccessControl> access = nullptr;
  DirectServer* direct_server = nullptr;
  DirectClient* direct_client = nullptr;
  PackMode pack = PackMode::kOff;
  /// For packed frames; 0: none.
  std::size_t pack_slots = 16;
};

struct TestNode {
  TestNode(const base::Executor& executor, base::Clock& clock, std::uint8_t number, TestNodeOptions options = {});
  const multiformats::PeerId& id() const { return host.peer_id(); }

  FakeHost host;
  FakeBlocks blocks;
  BlockIndex index;
  std::shared_ptr<StagingPool> staging;
  std::shared_ptr<StagingPool> pack_room;
  /// What is to run beside the node thread; it runs at once, unless held up.
  std::vector<std::function<void()>> aside;
  bool hold_up_aside = false;
  void run_aside();
  std::unique_ptr<Exchange> exchange;
};

/// Runs nodes in memory; nothing waits for real time.
class ExchangeTest : public ::testing::Test {
 protected:
  ~ExchangeTest() override;

  TestNode& add_node(TestNodeOptions options = {});
  void poll();
  void advance(base::Duration time);
  base::TimePoint in(base::Duration time) const { return clock_.now() + time; }
  void close_all();

  /// Runs a task to its end; nothing if it waits for something that does not come by itself.
  template <class T>
  std::optional<T> finish(base::Task<T> task) {
    auto result = start(std::move(task));
    poll();
    return std::move(*result);
  }
  template <class T>
  std::shared_ptr<std::optional<T>> start(base::Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    base::spawn(io_.get_executor(), store(std::move(task), result));
    return result;
  }

  static LookupRequest request(std::uint32_t first, std::uint32_t count);
  /// A look-up of `peer`'s blocks by `node`; fails the test if it is not answered.
  LookupAnswer look_up(TestNode& node, const multiformats::PeerId& peer, LookupRequest asked);
  static FetchRequest fetch_request(const multiformats::PeerId& peer, const LookupAnswer& answer, std::uint32_t first,
                                    std::uint32_t blocks);
  /// Every slice of blocks [first, first + blocks) of the look-up that began at key `key_first` is there and right.
  static void expect_slices(const CollectingSink& sink, std::uint32_t key_first, std::uint32_t first,
                            std::uint32_t blocks);

  boost::asio::io_context io_;
  base::ManualClock clock_;
  std::vector<std::unique_ptr<TestNode>> nodes_;

 private:
  template <class T>
  static base::Task<> store(base::Task<T> task, std::shared_ptr<std::optional<T>> into) {
    into->emplace(co_await std::move(task));
  }
};

}  // namespace kvp2p::testing
