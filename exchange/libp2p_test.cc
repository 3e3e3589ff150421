// Exchanges over real hosts: TCP on loopback, noise, yamux.
#include "exchange/exchange_error.h"
#include "exchange/testing/test_node.h"

#include "base/network_threads.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

/// 8 KV heads of 128, bf16: 64 KiB a layer slice, 256 KiB a block.
ObjectFormat large_format() {
  ObjectFormat format;
  format.element = ElementType::kBf16;
  format.head_dim = 128;
  format.shard = {0, 4, 0, 8};
  return format;
}

struct RealNode {
  RealNode(boost::asio::io_context& io, base::Clock& clock, ExchangeConfig config) : blocks(io.get_executor()) {
    libp2p::HostConfig host_config{.key = multiformats::PrivateKey::generate()};
    if (config.data_connections_max > 0) host_config.data_protocol = kDataProtocol;
    host = libp2p::Host::create(io.get_executor(), clock, std::move(host_config));
    constexpr std::size_t kSlots = 16;
    std::shared_ptr<std::uint8_t[]> memory(new std::uint8_t[kSlots << 20]);
    staging = StagingPool::create(std::move(memory), 1u << 20, kSlots);
    exchange = Exchange::create(io.get_executor(), clock, *host, staging, blocks, index, std::move(config));
  }

  std::unique_ptr<libp2p::Host> host;
  FakeBlocks blocks;
  BlockIndex index;
  std::shared_ptr<StagingPool> staging;
  std::unique_ptr<Exchange> exchange;
};

class ExchangeOverLibp2p : public ::testing::Test {
 protected:
  ~ExchangeOverLibp2p() override {
    for (auto& node : nodes_) {
      EXPECT_TRUE(run(close(*node)));
      node->exchange.reset();
    }
    threads_.stop();
  }

  RealNode& add_node(base::Bytes key = test_cluster_key(), std::size_t data_connections_max = 0) {
    ExchangeConfig config;
    config.cluster_key = std::move(key);
    config.data_connections_max = data_connections_max;
    config.network_threads = &threads_;
    nodes_.push_back(std::make_unique<RealNode>(io_, clock_, std::move(config)));
    auto listening = nodes_.back()->host->listen(multiformats::Multiaddr::from_text("/ip4/127.0.0.1/tcp/0").value());
    EXPECT_TRUE(listening);
    return *nodes_.back();
  }

  void run_until(const std::function<bool()>& condition) {
    while (!condition()) {
      io_.restart();
      io_.run_one();
    }
  }
  template <class T>
  T run(base::Task<T> task) {
    std::optional<T> result;
    base::spawn(io_.get_executor(), store(std::move(task), result));
    run_until([&] { return result.has_value(); });
    return std::move(*result);
  }
  void connect(RealNode& from, RealNode& to) {
    auto connected = run(from.host->connect(to.host->peer_id(), to.host->addresses()));
    ASSERT_TRUE(connected) << connected.error().message();
  }
  void connect_and_meet(RealNode& from, RealNode& to) {
    const std::size_t known = from.exchange->peers().size();
    const std::size_t known_there = to.exchange->peers().size();
    connect(from, to);
    run_until([&] { return from.exchange->peers().size() > known && to.exchange->peers().size() > known_there; });
  }
  static LookupRequest request(std::uint32_t count) {
    LookupRequest asked;
    asked.model_fields = test_model();
    asked.fingerprint = fingerprint_of(asked.model_fields);
    asked.format = large_format();
    for (std::uint32_t i = 0; i < count; ++i) asked.keys.push_back(test_key(i));
    return asked;
  }
  base::TimePoint soon() const { return clock_.now() + 60s; }

  /// Fetches all blocks of `count` and compares every byte.
  void fetch_and_compare(RealNode& asker, RealNode& holder, std::uint32_t count) {
    auto answer = run(asker.exchange->lookup(holder.host->peer_id(), request(count), soon()));
    ASSERT_TRUE(answer) << answer.error().message();
    FetchRequest wanted;
    wanted.peer = holder.host->peer_id();
    wanted.lease = answer->lease;
    wanted.format = large_format();
    wanted.blocks = count;
    wanted.layers = {0, 1, 2, 3};
    wanted.head_end = 8;
    CollectingSink sink;
    sink.head_slice_bytes = large_format().head_slice_bytes();
    auto fetch = asker.exchange->fetch(wanted, sink, soon());
    run_until([&] { return sink.outcome.has_value(); });
    ASSERT_TRUE(*sink.outcome) << sink.outcome->error().message();
    EXPECT_EQ(sink.bad_leaves, 0u);
    const std::size_t slice = large_format().layer_slice_bytes();
    for (std::uint32_t block = 0; block < count; ++block) {
      const auto& whole = holder.blocks.blocks.at(test_key(block)).bytes;
      for (std::uint32_t layer = 0; layer < 4; ++layer) {
        const auto expected = base::ConstBytes(whole).subspan(layer * slice, slice);
        ASSERT_TRUE(std::equal(expected.begin(), expected.end(), sink.slices.at({layer, block}).begin()));
      }
    }
  }

  static base::Task<> dial(RealNode& from, RealNode& to, bool& done) {
    co_await from.host->connect(to.host->peer_id(), to.host->addresses());
    done = true;
  }

  base::NetworkThreads threads_{4};
  boost::asio::io_context io_;
  base::SystemClock clock_{io_.get_executor()};
  std::vector<std::unique_ptr<RealNode>> nodes_;

 private:
  template <class T>
  static base::Task<> store(base::Task<T> task, std::optional<T>& into) {
    into.emplace(co_await std::move(task));
  }
  static base::Task<bool> close(RealNode& node) {
    co_await node.exchange->close();
    co_await node.host->close();
    co_return true;
  }
};

TEST_F(ExchangeOverLibp2p, FetchedBlocksAreBitIdentical) {
  auto& holder = add_node();
  auto& asker = add_node();
  for (std::uint32_t i = 0; i < 40; ++i) holder.blocks.add(test_key(i), large_format());
  connect_and_meet(asker, holder);
  fetch_and_compare(asker, holder, 40);
  EXPECT_EQ(asker.exchange->stats().bytes_received, 40u * large_format().block_bytes());
  EXPECT_GT(asker.exchange->peers().at(0).bytes_per_second, 0u);
  EXPECT_GT(asker.exchange->peers().at(0).round_trip.count(), 0);
}

TEST_F(ExchangeOverLibp2p, FramesComeOverSeveralConnectionsOnSeveralThreads) {
  auto& holder = add_node(test_cluster_key(), 4);
  auto& asker = add_node(test_cluster_key(), 4);
  for (std::uint32_t i = 0; i < 80; ++i) holder.blocks.add(test_key(i), large_format());
  connect_and_meet(asker, holder);
  for (int round = 0; round < 6; ++round) fetch_and_compare(asker, holder, 80);
  EXPECT_EQ(asker.exchange->stats().bytes_received, 6 * 80u * large_format().block_bytes());
  EXPECT_EQ(asker.exchange->stats().fetches_failed, 0u);
  EXPECT_GT(asker.exchange->stats().bytes_over_data_connections, asker.exchange->stats().bytes_received / 2);
}

TEST_F(ExchangeOverLibp2p, ThreeNodesHearOfEachOthersBlocks) {
  auto& a = add_node();
  auto& b = add_node();
  auto& c = add_node();
  for (std::uint32_t i = 0; i < 4; ++i) b.blocks.add(test_key(i), large_format());
  connect_and_meet(a, b);
  connect_and_meet(c, a);
  run_until([&] { return a.index.pairs() == 4; });
  fetch_and_compare(a, b, 4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    a.blocks.add(test_key(i), large_format());
    a.exchange->announce_stored(fingerprint_of(test_model()), large_format(), test_key(i));
  }
  run_until([&] { return c.index.pairs() == 4 && b.index.pairs() == 4; });
  fetch_and_compare(c, a, 4);
}

TEST_F(ExchangeOverLibp2p, PutBlocksArrive) {
  auto& from = add_node();
  auto& to = add_node();
  connect_and_meet(from, to);
  std::vector<Exchange::PutBlock> blocks;
  for (std::uint32_t i = 0; i < 3; ++i) {
    auto bytes = std::make_shared<base::Bytes>(test_block(test_key(i), large_format()));
    Exchange::PutBlock block;
    block.key = test_key(i);
    block.bytes = *bytes;
    block.leaves.resize(large_format().leaf_count());
    compute_leaves(*bytes, large_format().head_slice_bytes(), block.leaves);
    block.owner = bytes;
    blocks.push_back(std::move(block));
  }
  auto put = run(from.exchange->put(to.host->peer_id(), request(3), blocks, soon()));
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(*put, 3u);
  EXPECT_EQ(to.blocks.blocks.at(test_key(2)).bytes, *std::static_pointer_cast<base::Bytes>(blocks[2].owner));
}

TEST_F(ExchangeOverLibp2p, AnotherClusterKeyGetsNothing) {
  auto& holder = add_node();
  auto& stranger = add_node(base::Bytes(32, 9));
  holder.blocks.add(test_key(0), large_format());
  connect(stranger, holder);
  std::optional<base::Error> error;
  run_until([&] {
    auto answer = run(stranger.exchange->lookup(holder.host->peer_id(), request(1), soon()));
    error = answer ? base::Error() : answer.error();
    return *error != ExchangeError::kNotConnected;  // hello is under way until then
  });
  EXPECT_EQ(*error, ExchangeError::kNotAuthorised);
  EXPECT_EQ(holder.blocks.calls, 0u);
  EXPECT_EQ(stranger.index.pairs(), 0u);
}

TEST_F(ExchangeOverLibp2p, AHolderThatClosesEndsTheFetch) {
  auto& holder = add_node();
  auto& asker = add_node();
  for (std::uint32_t i = 0; i < 40; ++i) holder.blocks.add(test_key(i), large_format());
  connect_and_meet(asker, holder);
  auto answer = run(asker.exchange->lookup(holder.host->peer_id(), request(40), soon()));
  ASSERT_TRUE(answer);
  FetchRequest wanted;
  wanted.peer = holder.host->peer_id();
  wanted.lease = answer->lease;
  wanted.format = large_format();
  wanted.blocks = 40;
  wanted.layers = {0, 1, 2, 3};
  wanted.head_end = 8;
  CollectingSink sink;
  sink.head_slice_bytes = large_format().head_slice_bytes();
  sink.also = [&] {
    if (sink.frames == 3) {
      for (const auto& connection : holder.host->connections()) connection->close();
    }
  };
  auto fetch = asker.exchange->fetch(wanted, sink, soon());
  run_until([&] { return sink.outcome.has_value(); });
  EXPECT_FALSE(*sink.outcome);
  EXPECT_EQ(sink.bad_leaves, 0u);
  run_until([&] { return asker.staging->free_slots() == asker.staging->slots(); });
}

TEST_F(ExchangeOverLibp2p, TwoNodesThatDialEachOtherAtOnceMeet) {
  auto& a = add_node();
  auto& b = add_node();
  b.blocks.add(test_key(0), large_format());
  bool first = false;
  bool second = false;
  base::spawn(io_.get_executor(), dial(a, b, first));
  base::spawn(io_.get_executor(), dial(b, a, second));
  run_until([&] { return first && second && !a.exchange->peers().empty() && !b.exchange->peers().empty(); });
  EXPECT_EQ(a.exchange->peers().size(), 1u);
  fetch_and_compare(a, b, 1);
}

}  // namespace
}  // namespace kvp2p::testing
