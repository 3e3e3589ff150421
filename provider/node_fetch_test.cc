// Two real nodes on loopback: what one engine puts, the other gets.
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Shape;
using testing::TestEngine;

Shape small_shape() {
  Shape shape;
  shape.layers = 4;
  shape.engine_blocks = 24;
  return shape;
}

class NodeFetchTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBlocks = 20;

  void SetUp() override { testing::connect(*producer_node_, *consumer_node_); }

  MatchRequest match_request(std::size_t blocks, base::Duration time = 5s) const {
    MatchRequest request;
    request.fingerprint = consumer_.fingerprint();
    request.keys.assign(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(blocks));
    request.shards = {consumer_.format()};
    request.deadline = in(time);
    return request;
  }
  /// A decided match of `blocks` keys.
  MatchId match(std::size_t blocks = kBlocks) {
    const MatchId id = core().match(match_request(blocks));
    EXPECT_FALSE(core().wait_match(id, in(5s))->pending);
    return id;
  }
  GetRequest get_request(MatchId match, std::size_t blocks) const {
    GetRequest get;
    get.match = match;
    get.region = consumer_.region();
    for (Slot slot = 0; slot < blocks; ++slot) get.slots.push_back(slot);
    get.deadline = in(10s);
    return get;
  }
  /// Byte `offset` of layer `layer` in a stored block.
  std::size_t in_layer(std::uint32_t layer, std::size_t offset) const {
    return layer * consumer_.format().layer_slice_bytes() + offset;
  }
  void expect_blocks(std::size_t blocks) {
    for (Slot slot = 0; slot < blocks; ++slot) ASSERT_TRUE(consumer_.holds(keys_[slot], slot)) << slot;
  }
  KvCore& core() { return consumer_.core(); }

  const Shape shape_ = small_shape();
  const ModelSpec model_ = testing::test_model(shape_);
  std::unique_ptr<Node> producer_node_ = testing::start_test_node();
  std::unique_ptr<Node> consumer_node_ = testing::start_test_node();
  TestEngine producer_{producer_node_->core(), testing::nhd(shape_), model_};
  TestEngine consumer_{consumer_node_->core(), testing::hnd(shape_), model_};
  const std::vector<BlockKey> keys_ = keys_from_tokens(producer_.fingerprint(), testing::test_tokens(kBlocks));
};

TEST_F(NodeFetchTest, WholePromptArrivesBitIdenticalInAnotherLayout) {
  testing::publish(producer_, keys_, kBlocks);
  const MatchId id = match();
  const auto status = core().match_status(id).value();
  ASSERT_EQ(status.blocks, kBlocks) << status.reason;
  EXPECT_EQ(status.sources.front(), Source::kPeer);
  const TransferId transfer = core().get(get_request(id, kBlocks)).value();
  core().release(id);
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
    const auto progress = core().wait_layer(transfer, layer, in(5s)).value();
    ASSERT_EQ(progress.good_blocks, kBlocks) << progress.reason;
    for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(consumer_.holds(keys_[slot], layer, slot));
  }
  const auto done = core().wait_transfer(transfer, in(5s)).value();
  EXPECT_TRUE(done.done);
  EXPECT_EQ(done.layers_ready, shape_.layers);
  EXPECT_TRUE(core().failed_blocks(transfer).value().empty());
  for (Slot slot = kBlocks; slot < shape_.engine_blocks; ++slot) EXPECT_TRUE(consumer_.is_poisoned(slot));
  const auto report = core().transfer_report(transfer).value();
  EXPECT_EQ(report.bytes_from_peers, kBlocks * consumer_.format().block_bytes());
  EXPECT_EQ(core().stream_wait_layer(transfer, 0, nullptr, in(5s))->good_blocks, kBlocks);
  core().release(transfer);
  EXPECT_EQ(core().transfer_status(transfer).error(), KvError::kUnknownId);
}

TEST_F(NodeFetchTest, OnlyTheSharedPrefixIsMatched) {
  testing::publish(producer_, keys_, 7);
  const MatchId id = match();
  EXPECT_EQ(core().match_status(id)->blocks, 7u);
  const TransferId transfer = core().get(get_request(id, 7)).value();
  EXPECT_EQ(core().wait_transfer(transfer, in(5s))->good_blocks, 7u);
  expect_blocks(7);
  EXPECT_TRUE(consumer_.is_poisoned(7));
}

TEST_F(NodeFetchTest, ByteThatRotsInTheProducersStoreFailsItsBlock) {
  testing::publish(producer_, keys_, kBlocks);
  testing::corrupt_stored(*producer_node_, keys_[6], producer_.format(), in_layer(0, 3));
  const MatchId id = match();
  ASSERT_EQ(core().match_status(id)->blocks, kBlocks);
  const TransferId transfer = core().get(get_request(id, kBlocks)).value();
  const auto status = core().wait_transfer(transfer, in(5s)).value();
  EXPECT_EQ(status.good_blocks, 6u);
  EXPECT_NE(status.reason.find(producer_node_->peer_id().to_text()), std::string::npos) << status.reason;
  EXPECT_EQ(core().failed_blocks(transfer)->front(), 6u);
  expect_blocks(6);
  EXPECT_FALSE(consumer_.holds(keys_[6], 0, 6));
}

TEST_F(NodeFetchTest, ByteThatRotsInTheLastLayerFailsABlockThatWasPartlyDelivered) {
  testing::publish(producer_, keys_, kBlocks);
  testing::corrupt_stored(*producer_node_, keys_[11], producer_.format(), in_layer(3, 0));
  const MatchId id = match();
  const TransferId transfer = core().get(get_request(id, kBlocks)).value();
  ASSERT_TRUE(core().wait_layer(transfer, 0, in(5s)));
  const auto status = core().wait_layer(transfer, 3, in(5s)).value();
  EXPECT_EQ(status.good_blocks, 11u);
  EXPECT_TRUE(core().wait_transfer(transfer, in(5s))->done);
  expect_blocks(11);
}

TEST_F(NodeFetchTest, StalledProducerCostsTheDeadline) {
  testing::publish(producer_, keys_, kBlocks);
  const MatchId id = match();
  ASSERT_EQ(core().match_status(id)->blocks, kBlocks);
  testing::StalledNode stalled(*producer_node_);
  const TransferId transfer = core().get(get_request(id, kBlocks)).value();
  const auto status = core().wait_layer(transfer, 0, in(100ms)).value();
  EXPECT_TRUE(status.done);
  EXPECT_EQ(status.good_blocks, 0u);
  consumer_.poison();
  const MatchId again = core().match(match_request(kBlocks - 1, 100ms));
  EXPECT_EQ(core().wait_match(again, in(5s))->blocks, 0u);
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(consumer_.is_poisoned(slot));
}

TEST_F(NodeFetchTest, ProducerThatStopsEndsTheTransferInTime) {
  testing::publish(producer_, keys_, kBlocks);
  const MatchId id = match();
  const TransferId transfer = core().get(get_request(id, kBlocks)).value();
  producer_node_->stop();
  const auto status = core().wait_transfer(transfer, in(20s)).value();
  EXPECT_TRUE(status.done);
  expect_blocks(status.good_blocks);
}

TEST_F(NodeFetchTest, NothingIsWrittenAfterCancel) {
  testing::publish(producer_, keys_, kBlocks);
  const MatchId id = match();
  for (int i = 0; i < 30; ++i) {
    const TransferId transfer = core().get(get_request(id, kBlocks)).value();
    if (i % 3 > 0) {
      ASSERT_TRUE(core().wait_layer(transfer, i % 3 - 1, in(5s)));
    }
    core().cancel(transfer);
    consumer_.poison();
    EXPECT_TRUE(core().transfer_status(transfer)->done);
    core().release(transfer);
    testing::run_on_node(*consumer_node_, [] {});
    for (Slot slot = 0; slot < kBlocks; ++slot) ASSERT_TRUE(consumer_.is_poisoned(slot));
  }
}

TEST_F(NodeFetchTest, ManyTransfersAtOnce) {
  testing::publish(producer_, keys_, kBlocks);
  std::vector<std::thread> engines;
  std::atomic<int> whole{0};
  for (int t = 0; t < 4; ++t) {
    engines.emplace_back([&] {
      TestEngine engine(core(), testing::packed(shape_), model_);
      for (int i = 0; i < 5; ++i) {
        engine.poison();
        const MatchId id = core().match(match_request(kBlocks));
        core().wait_match(id, in(10s));
        GetRequest get = get_request(id, kBlocks);
        get.region = engine.region();
        const auto transfer = core().get(get);
        core().release(id);
        if (!transfer) continue;
        const bool all = core().wait_transfer(*transfer, in(10s))->good_blocks == kBlocks;
        bool same = all;
        for (Slot slot = 0; slot < kBlocks; ++slot) same = same && engine.holds(keys_[slot], slot);
        whole += same;
        core().release(*transfer);
      }
    });
  }
  for (auto& engine : engines) engine.join();
  EXPECT_EQ(whole, 20);
}

TEST_F(NodeFetchTest, OfferedBlocksAreFetchedFromTheEnginesMemory) {
  PutRequest offered;
  offered.fingerprint = producer_.fingerprint();
  offered.region = producer_.region();
  for (Slot slot = 0; slot < kBlocks; ++slot) {
    producer_.compute(keys_[slot], slot);
    offered.keys.push_back(keys_[slot]);
    offered.slots.push_back(slot);
  }
  KvCore& producer = producer_.core();
  const OfferId offer = producer.offer(offered).value();
  // The offer is shown on the node thread.
  testing::run_on_node(*producer_node_, [] {});
  const MatchId id = match();
  ASSERT_EQ(core().match_status(id)->blocks, kBlocks) << core().match_status(id)->reason;
  const TransferId transfer = core().get(get_request(id, kBlocks)).value();
  EXPECT_EQ(core().wait_transfer(transfer, in(5s))->good_blocks, kBlocks);
  expect_blocks(kBlocks);

  EXPECT_EQ(producer.wait_unleased(offer, in(1s)).error(), KvError::kNotRevoked);
  producer.revoke(offer);
  ASSERT_TRUE(producer.wait_unleased(offer, in(5s)));
  producer_.poison();
  consumer_.poison();
  const TransferId late = core().get(get_request(id, kBlocks)).value();
  EXPECT_EQ(core().wait_transfer(late, in(5s))->good_blocks, 0u);
  for (Slot slot = 0; slot < kBlocks; ++slot) EXPECT_TRUE(consumer_.is_poisoned(slot));
  producer.release(offer);
}

TEST_F(NodeFetchTest, TwoNodesFetchEachOthersOffersAtOnce) {
  // More than the staging pools hold, so that both wait for room again and again.
  Shape wide = small_shape();
  wide.head_dim = 512;
  wide.engine_blocks = 64;
  const ModelSpec model = testing::test_model(wide);
  struct Side {
    Side(KvCore& core, const Shape& shape, const ModelSpec& spec, std::uint32_t seed)
        : own(core, testing::nhd(shape), spec),
          fetched(core, testing::hnd(shape), spec),
          keys(keys_from_tokens(own.fingerprint(), testing::test_tokens(64, seed))) {
      PutRequest offered;
      offered.fingerprint = own.fingerprint();
      offered.region = own.region();
      for (Slot slot = 0; slot < 64; ++slot) {
        own.compute(keys[slot], slot);
        offered.keys.push_back(keys[slot]);
        offered.slots.push_back(slot);
      }
      EXPECT_TRUE(core.offer(offered));
    }
    TestEngine own, fetched;
    std::vector<BlockKey> keys;
  };
  Side a(producer_node_->core(), wide, model, 1), b(consumer_node_->core(), wide, model, 2);
  testing::run_on_node(*producer_node_, [] {});
  testing::run_on_node(*consumer_node_, [] {});
  const auto fetch = [](Side& to, const Side& from) {
    KvCore& core = to.own.core();
    MatchRequest request{to.own.fingerprint(), from.keys, {to.own.format()}, in(10s)};
    const MatchId id = core.match(request);
    ASSERT_EQ(core.wait_match(id, in(10s))->blocks, 64u);
    GetRequest get;
    get.match = id;
    get.region = to.fetched.region();
    for (Slot slot = 0; slot < 64; ++slot) get.slots.push_back(slot);
    get.deadline = in(60s);
    const TransferId transfer = core.get(get).value();
    const auto end = core.wait_transfer(transfer, in(60s)).value();
    ASSERT_EQ(end.good_blocks, 64u) << end.reason;
    for (Slot slot = 0; slot < 64; ++slot) ASSERT_TRUE(to.fetched.holds(from.keys[slot], slot));
  };
  std::thread other([&] { fetch(a, b); });
  fetch(b, a);
  other.join();
}

TEST_F(NodeFetchTest, RevokingWhileOthersReadNeverDeliversReusedMemory) {
  for (int round = 0; round < 10; ++round) {
    PutRequest offered;
    offered.fingerprint = producer_.fingerprint();
    offered.region = producer_.region();
    for (Slot slot = 0; slot < kBlocks; ++slot) {
      producer_.compute(keys_[slot], slot);
      offered.keys.push_back(keys_[slot]);
      offered.slots.push_back(slot);
    }
    const OfferId offer = producer_.core().offer(offered).value();
    testing::run_on_node(*producer_node_, [] {});
    const MatchId id = core().match(match_request(kBlocks - round % 2));
    const auto status = core().wait_match(id, in(5s)).value();
    const auto transfer = core().get(get_request(id, status.blocks));
    if (transfer && round % 3 == 1) core().wait_layer(*transfer, 0, in(5s));
    producer_.core().revoke(offer);
    ASSERT_TRUE(producer_.core().wait_unleased(offer, in(5s)));
    producer_.poison();  // the engine uses its blocks again
    if (transfer) {
      const auto end = core().wait_transfer(*transfer, in(5s)).value();
      expect_blocks(end.good_blocks);
      core().release(*transfer);
    }
    core().release(id);
    producer_.core().release(offer);
  }
}

TEST_F(NodeFetchTest, AnotherElementTypeIsAMissThatNamesTheField) {
  testing::publish(producer_, keys_, kBlocks);
  Shape half = shape_;
  half.element = ElementType::kBf16;
  TestEngine engine(core(), testing::nhd(half), testing::test_model(half));
  MatchRequest request = match_request(kBlocks);
  request.fingerprint = engine.fingerprint();
  request.keys = keys_from_tokens(engine.fingerprint(), testing::test_tokens(kBlocks));
  request.shards = {engine.format()};
  const auto status = core().wait_match(core().match(request), in(5s)).value();
  EXPECT_EQ(status.blocks, 0u);
  EXPECT_NE(status.reason.find("kv_element (here f32, asked bf16)"), std::string::npos) << status.reason;
}

TEST_F(NodeFetchTest, CompletionsTellWhatHappened) {
  testing::publish(producer_, keys_, 3);
  core().drain();
  const MatchId id = match(3);
  const TransferId transfer = core().get(get_request(id, 3)).value();
  core().wait_transfer(transfer, in(5s));
  std::size_t layers = 0, matches = 0, transfers = 0;
  for (const Completion& completion : core().drain()) {
    matches += completion.kind == Completion::Kind::kMatch && completion.id == static_cast<std::uint64_t>(id);
    layers += completion.kind == Completion::Kind::kLayer && completion.id == static_cast<std::uint64_t>(transfer);
    transfers += completion.kind == Completion::Kind::kTransfer && completion.ok;
  }
  EXPECT_EQ(matches, 1u);
  EXPECT_EQ(layers, shape_.layers);
  EXPECT_EQ(transfers, 1u);
}

TEST_F(NodeFetchTest, CountersTellBytes) {
  testing::publish(producer_, keys_, 3);
  const TransferId transfer = core().get(get_request(match(3), 3)).value();
  core().wait_transfer(transfer, in(5s));
  std::map<std::string, std::uint64_t> counters;
  for (const auto& [name, value] : core().stats().counters) counters[name] = value;
  EXPECT_EQ(counters["bytes_from_peers"], 3 * consumer_.format().block_bytes());
  EXPECT_EQ(counters["blocks_matched_peer"], 3u);
  EXPECT_EQ(counters["peers"], 1u);
  EXPECT_TRUE(counters.contains("deserialise_ns"));
}

TEST(NodeLeaseTest, LeasedBlocksAreNotEvicted) {
  Shape shape = small_shape();
  const std::size_t block_bytes = testing::format_of(shape).block_bytes();
  auto producer_node = testing::start_test_node(8 * block_bytes);
  auto consumer_node = testing::start_test_node();
  const ModelSpec model = testing::test_model(shape);
  TestEngine producer(producer_node->core(), testing::nhd(shape), model);
  TestEngine consumer(consumer_node->core(), testing::nhd(shape), model);
  testing::connect(*producer_node, *consumer_node);
  const auto first = keys_from_tokens(producer.fingerprint(), testing::test_tokens(8, 1));
  const auto second = keys_from_tokens(producer.fingerprint(), testing::test_tokens(8, 2));
  testing::publish(producer, first, 8);

  MatchRequest request{consumer.fingerprint(), first, {consumer.format()}, in(5s)};
  const MatchId match = consumer.core().match(request);
  ASSERT_EQ(consumer.core().wait_match(match, in(5s))->blocks, 8u);
  PutRequest put{producer.fingerprint(), second, producer.region(), {0, 1, 2, 3, 4, 5, 6, 7}, {}, Priority::kNormal};
  for (Slot slot = 0; slot < 8; ++slot) producer.compute(second[slot], slot);
  const PutId refused = producer.core().put(put).value();
  EXPECT_EQ(producer.core().wait_published(refused, in(5s)).error(), KvError::kDropped);
  EXPECT_EQ(producer.core().put_report(refused)->blocks_dropped, 8u);

  GetRequest get;
  get.match = match;
  get.region = consumer.region();
  get.slots = put.slots;
  get.deadline = in(5s);
  const TransferId transfer = consumer.core().get(get).value();
  EXPECT_EQ(consumer.core().wait_transfer(transfer, in(5s))->good_blocks, 8u);
  consumer.core().release(match);
  consumer.core().release(transfer);
  // The release travels to the producer; then there is room.
  base::Result<> published = KvError::kDropped;
  for (const auto deadline = in(10s); !published && std::chrono::steady_clock::now() < deadline;) {
    const PutId again = producer.core().put(put).value();
    published = producer.core().wait_published(again, in(5s));
  }
  EXPECT_TRUE(published);
}

}  // namespace
}  // namespace kvp2p
