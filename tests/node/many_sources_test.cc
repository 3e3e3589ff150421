// A node fetches from three peers at once, over TCP on loopback: one is slow, and one dies in the middle.
#include "base/event_loop.h"
#include "exchange/exchange_error.h"
#include "exchange/testing/test_node.h"
#include "provider/testing/test_engine.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <future>
#include <map>
#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Shape;

constexpr std::size_t kBlocks = 64;

/// 64 KiB a layer slice, 256 KiB a block, 16 MiB in all.
Shape test_shape() {
  Shape shape;
  shape.layers = 4;
  shape.heads = 2;
  shape.head_dim = 256;
  shape.engine_blocks = kBlocks;
  return shape;
}

/// Blocks whose reads take as long as they would over a link of so many bytes a second.
class PacedBlocks final : public LocalBlocks {
 public:
  PacedBlocks(const base::Executor& executor, base::Clock& clock, double bytes_per_second)
      : inner(executor), clock_(clock), bytes_per_second_(bytes_per_second) {}

  testing::FakeBlocks inner;
  std::function<void(std::uint64_t bytes_read)> on_read;
  std::atomic<std::uint64_t> bytes_read{0};

  LookupAnswer lookup(const multiformats::PeerId& peer, const LookupRequest& request) override {
    LookupAnswer answer = inner.lookup(peer, request);
    answer.expected_bytes_per_second = 0;
    for (std::size_t i = 0; i < answer.blocks.size(); ++i) {
      if (answer.blocks[i].present) answer.blocks[i].root = root_of(inner.blocks.at(request.keys[i]).leaves);
    }
    return answer;
  }
  base::Task<base::Result<SliceRead>> read(multiformats::PeerId peer, LeaseToken lease, std::uint32_t first,
                                           std::uint32_t count, ShardRange part) override {
    auto slices = co_await inner.read(peer, lease, first, count, part);
    if (!slices) co_return slices;
    std::size_t bytes = 0;
    for (const auto& one : slices->parts) bytes += one.size();
    const auto time = std::chrono::duration<double>(static_cast<double>(bytes) / bytes_per_second_);
    free_at_ = std::max(free_at_, clock_.now()) + std::chrono::duration_cast<base::Duration>(time);
    co_await base::sleep_until(clock_, free_at_);
    bytes_read += bytes;
    if (on_read) on_read(bytes_read);
    co_return slices;
  }
  void release(const multiformats::PeerId& peer, const LeaseToken& lease) override { inner.release(peer, lease); }
  void release_all(const multiformats::PeerId& peer) override { inner.release_all(peer); }
  std::vector<bool> wants(const multiformats::PeerId& peer, const LookupRequest& offered) override {
    return inner.wants(peer, offered);
  }
  bool store(const multiformats::PeerId& peer, const Fingerprint& fingerprint, const BlockKey& key,
             const ObjectFormat& format, base::ConstBytes bytes, std::vector<ContentDigest> leaves) override {
    return inner.store(peer, fingerprint, key, format, bytes, std::move(leaves));
  }
  std::vector<Held> snapshot(std::size_t keys_max) override { return inner.snapshot(keys_max); }

 private:
  base::Clock& clock_;
  const double bytes_per_second_;
  base::TimePoint free_at_{};
};

/// A peer that holds all the blocks, on a thread of its own.
class Holder {
 public:
  Holder(double bytes_per_second, const std::vector<BlockKey>& keys, const ObjectFormat& format, const ModelSpec& model)
      : blocks(io_.get_executor(), clock_, bytes_per_second) {
    blocks.inner.model = model.fields();
    for (const BlockKey& key : keys) add(key, format);
    libp2p::HostConfig host{.key = multiformats::PrivateKey::generate()};
    host_ = libp2p::Host::create(io_.get_executor(), clock_, std::move(host));
    constexpr std::size_t kSlots = 16;
    std::shared_ptr<std::uint8_t[]> memory(new std::uint8_t[kSlots << 20]);
    staging_ = StagingPool::create(std::move(memory), 1u << 20, kSlots);
    ExchangeConfig config;
    config.cluster_key = base::Bytes(32, 0xaa);  // as testing::test_node_config has it
    exchange_ = Exchange::create(io_.get_executor(), clock_, *host_, staging_, blocks, index_, std::move(config));
    EXPECT_TRUE(host_->listen(*multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0")));
    id = host_->peer_id();
    address = *host_->addresses().front().with_peer(id);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Holder() {
    boost::asio::post(io_, [this] { die(); });
    thread_.join();
    exchange_.reset();
    host_.reset();
  }
  /// On its thread. Idempotent.
  void die() {
    if (std::exchange(dying_, true)) return;
    base::spawn(io_.get_executor(), close());
  }

 private:
  void add(const BlockKey& key, const ObjectFormat& format) {
    testing::FakeBlocks::Block block{format, {}, std::vector<ContentDigest>(format.leaf_count())};
    for (std::uint32_t layer = 0; layer < format.shard.layers(); ++layer) {
      const auto slice = testing::slice_content(key, layer, format);
      block.bytes.insert(block.bytes.end(), slice.begin(), slice.end());
    }
    compute_leaves(block.bytes, format.head_slice_bytes(), block.leaves);
    blocks.inner.blocks[key] = std::move(block);
  }
  base::Task<> close() {
    co_await exchange_->close();
    co_await host_->close();
    work_.reset();
  }

  boost::asio::io_context io_{1};
  base::SystemClock clock_{io_.get_executor()};

 public:
  PacedBlocks blocks;
  multiformats::PeerId id;
  multiformats::Multiaddr address;

 private:
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  BlockIndex index_;
  std::unique_ptr<libp2p::Host> host_;
  std::shared_ptr<StagingPool> staging_;
  std::unique_ptr<Exchange> exchange_;
  bool dying_ = false;
  std::thread thread_;
};

TEST(ManySourcesNodeTest, SlowAndDyingPeersCostNothingOfThePrompt) {
  const Shape shape = test_shape();
  const ModelSpec model = testing::test_model(shape);
  auto node = testing::start_test_node();
  testing::TestEngine engine(node->core(), testing::hnd(shape), model);
  const auto keys = keys_from_tokens(engine.fingerprint(), testing::test_tokens(kBlocks));
  Holder good(32e6, keys, engine.format(), model), dying(32e6, keys, engine.format(), model),
      slow(4e6, keys, engine.format(), model);
  std::atomic<bool> died{false};
  dying.blocks.on_read = [&](std::uint64_t bytes) {
    if (bytes < (1u << 20) || died.exchange(true)) return;
    dying.die();
  };
  for (Holder* holder : {&good, &dying, &slow}) {
    auto connected = node->connect(holder->address, 20s);
    ASSERT_TRUE(connected) << connected.error().message();
  }

  KvCore& core = node->core();
  const MatchId match = core.match({engine.fingerprint(), keys, {engine.format()}, in(20s)});
  ASSERT_EQ(core.wait_match(match, in(30s))->blocks, kBlocks);
  GetRequest get;
  get.match = match;
  get.region = engine.region();
  for (Slot slot = 0; slot < kBlocks; ++slot) get.slots.push_back(slot);
  get.deadline = in(120s);
  const TransferId transfer = core.get(get).value();
  const auto status = core.wait_transfer(transfer, in(120s)).value();
  ASSERT_EQ(status.good_blocks, kBlocks) << status.reason;
  for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(engine.holds(keys[slot], slot)) << slot;
  // The node thread has ended the transfer when this has run.
  testing::run_on_node(*node, [] {});

  std::map<std::string, std::uint64_t> counters;
  for (const auto& [name, value] : core.stats().counters) counters[name] = value;
  EXPECT_TRUE(died);
  EXPECT_EQ(counters["transfers_of_many_sources"], 1u);
  EXPECT_GE(counters["fetch_pieces"], 3u);
  EXPECT_GT(counters["bytes_network_from_" + good.id.to_text()], 0u);
  EXPECT_LE(counters["bytes_from_peers"], 2 * kBlocks * engine.format().block_bytes());
  core.release(match);
  core.release(transfer);
}

}  // namespace
}  // namespace kvp2p
