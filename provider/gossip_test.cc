// Nodes that gossip about their blocks, on loopback.
#include "provider/testing/test_engine.h"

#include <gtest/gtest.h>

#include <thread>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using testing::in;
using testing::Shape;
using testing::TestEngine;

class GossipTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kBlocks = 8;

  /// Nodes are connected to those that they are told of, and to those that they look for.
  static std::unique_ptr<Node> start(bool gossip) {
    NodeConfig config = testing::test_node_config();
    config.gossip = gossip;
    config.rendezvous_name.clear();
    config.dht = DhtMode::kServer;
    return Node::start(std::move(config)).value();
  }
  std::size_t matched(TestEngine& engine) {
    MatchRequest request;
    request.fingerprint = engine.fingerprint();
    request.keys = keys_;
    request.shards = {engine.format()};
    request.deadline = in(5s);
    const MatchId id = engine.core().match(request);
    const std::size_t blocks = engine.core().wait_match(id, in(6s))->blocks;
    engine.core().release(id);
    return blocks;
  }
  /// Hears of what it is asked for by gossip, which takes a moment.
  void expect_match(TestEngine& engine) {
    const base::TimePoint end = in(30s);
    while (matched(engine) < kBlocks && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(50ms);
    EXPECT_EQ(matched(engine), kBlocks);
  }
  static std::uint64_t counter(Node& node, const std::string& name) {
    for (const auto& [each, value] : node.core().stats().counters) {
      if (each == name) return value;
    }
    ADD_FAILURE() << name;
    return 0;
  }

  const Shape shape_{.engine_blocks = 24};
  const ModelSpec model_ = testing::test_model(shape_);
  std::vector<BlockKey> keys_;
};

TEST_F(GossipTest, BlocksOfOneThatANodeIsConnectedToAreFound) {
  auto a = start(true), b = start(true);
  testing::connect(*a, *b);
  TestEngine producer(a->core(), testing::nhd(shape_), model_), consumer(b->core(), testing::nhd(shape_), model_);
  keys_ = keys_from_tokens(producer.fingerprint(), testing::test_tokens(kBlocks));
  testing::publish(producer, keys_, kBlocks);
  expect_match(consumer);
  // Nobody is told twice.
  EXPECT_EQ(counter(*a, "announcements_sent"), 0u);
}

TEST_F(GossipTest, ANodeThatDoesNotGossipIsToldAsEver) {
  auto a = start(true), b = start(false);
  testing::connect(*a, *b);
  TestEngine producer(a->core(), testing::nhd(shape_), model_), consumer(b->core(), testing::nhd(shape_), model_);
  keys_ = keys_from_tokens(producer.fingerprint(), testing::test_tokens(kBlocks));
  testing::publish(producer, keys_, kBlocks);
  expect_match(consumer);
  EXPECT_GT(counter(*b, "announcements_received"), 0u);
}

TEST_F(GossipTest, AHolderThatANodeIsNotConnectedToIsReachedWhenItIsNeeded) {
  auto middle = start(true), holder = start(true), asker = start(true);
  testing::connect(*middle, *holder);
  testing::connect(*middle, *asker);
  TestEngine producer(holder->core(), testing::nhd(shape_), model_),
      between(middle->core(), testing::nhd(shape_), model_), consumer(asker->core(), testing::nhd(shape_), model_);
  keys_ = keys_from_tokens(producer.fingerprint(), testing::test_tokens(kBlocks));
  testing::publish(producer, keys_, kBlocks);
  expect_match(consumer);
}

}  // namespace
}  // namespace kvp2p
