// Two real nodes on loopback: what one engine puts the other gets.
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

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
  void SetUp() override { testing::connect(*producer_node_, *consumer_node_); }

  MatchId match(std::vector<BlockKey> keys, base::Duration time = 5s) {
    MatchRequest request;
    request.fingerprint = consumer_.fingerprint();
    request.keys = std::move(keys);
    request.shards = {consumer_.layout().format};
    request.deadline = in(time);
    return consumer_.core().match(std::move(request));
  }
  GetRequest get_all(MatchId match, std::size_t blocks) {
    GetRequest get;
    get.match = match;
    get.region = consumer_.region();
    for (Slot slot = 0; slot < blocks; ++slot) get.slots.push_back(slot);
    get.deadline = in(10s);
    return get;
  }

  const Shape shape_ = small_shape();
  const ModelSpec model_ = testing::test_model(shape_);
  std::unique_ptr<Node> producer_node_ = testing::start_test_node();
  std::unique_ptr<Node> consumer_node_ = testing::start_test_node();
  TestEngine producer_{producer_node_->core(), testing::nhd(shape_), model_};
  TestEngine consumer_{consumer_node_->core(), testing::hnd(shape_), model_};
  const std::vector<BlockKey> keys_ = keys_from_tokens(producer_.fingerprint(), testing::test_tokens(20));
};

TEST_F(NodeFetchTest, WholePromptArrivesBitIdenticalInAnotherLayout) {
  testing::publish(producer_, keys_, keys_.size());
  KvCore& core = consumer_.core();
  const MatchId id = match(keys_);
  const auto status = core.wait_match(id, in(5s)).value();
  ASSERT_EQ(status.blocks, keys_.size()) << status.reason;
  EXPECT_EQ(status.sources.front(), Source::kPeer);
  const TransferId transfer = core.get(get_all(id, keys_.size())).value();
  core.release(id);
  for (std::uint32_t layer = 0; layer < shape_.layers; ++layer) {
    const auto progress = core.wait_layer(transfer, layer, in(5s)).value();
    ASSERT_EQ(progress.good_blocks, keys_.size()) << progress.reason;
    for (Slot slot = 0; slot < keys_.size(); ++slot) ASSERT_TRUE(consumer_.holds(keys_[slot], layer, slot));
  }
  const auto done = core.wait_transfer(transfer, in(5s)).value();
  EXPECT_TRUE(done.done);
  EXPECT_EQ(done.layers_ready, shape_.layers);
  EXPECT_TRUE(core.failed_blocks(transfer).value().empty());
  for (Slot slot = keys_.size(); slot < shape_.engine_blocks; ++slot) EXPECT_TRUE(consumer_.is_poisoned(slot));
  const auto report = core.transfer_report(transfer).value();
  EXPECT_EQ(report.bytes_from_peers, keys_.size() * consumer_.layout().format.block_bytes());
  core.release(transfer);
}

TEST_F(NodeFetchTest, OnlyTheSharedPrefixIsMatched) {
  testing::publish(producer_, keys_, 7);
  const MatchId id = match(keys_);
  const auto status = consumer_.core().wait_match(id, in(5s)).value();
  EXPECT_EQ(status.blocks, 7u) << status.reason;
  const TransferId transfer = consumer_.core().get(get_all(id, 7)).value();
  EXPECT_EQ(consumer_.core().wait_transfer(transfer, in(5s))->good_blocks, 7u);
  for (Slot slot = 0; slot < 7; ++slot) EXPECT_TRUE(consumer_.holds(keys_[slot], slot));
  EXPECT_TRUE(consumer_.is_poisoned(7));
}

}  // namespace
}  // namespace kvp2p
