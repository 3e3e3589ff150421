// Nodes that come, go, lose connections and streams, and subscribe and unsubscribe, at random from a seed.
#include "libp2p/protocols/gossipsub/testing/pubsub_fixture.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace libp2p::gossipsub {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kNodes = 8;
constexpr int kSteps = 400;

class GossipsubChaosTest : public testing::PubsubFixture, public ::testing::WithParamInterface<unsigned> {
 protected:
  Node& any() { return *nodes_[random_() % nodes_.size()]; }

  void connect_unless_connected(Node& a, Node& b) {
    if (&a == &b) return;
    const auto peers = a.host->peers();
    if (std::find(peers.begin(), peers.end(), b.id()) == peers.end()) connect(a, b);
  }
  /// In the middle of things: what is ready to run is not run first.
  void one_step() {
    Node& a = any();
    Node& b = any();
    switch (random_() % 10) {
      case 0:
      case 1:
        return connect_unless_connected(a, b);
      case 2:
        if (&a != &b) a.host->disconnect(b.id());
        return;
      case 3:
        a.subscription = Subscription();
        return;
      case 4:
        a.subscription = Subscription();
        return subscribe(a);
      case 5:
        return pass(base::Duration(random_() % 3 * 500ms));
      case 6:
        // A stream of its own that is reset at once, of which a node is not to make anything.
        base::spawn(io_.get_executor(), reset_a_stream(a, b));
        return;
      default:
        ASSERT_TRUE(a.pubsub->publish(kTopic, base::as_bytes("noise")));
        if (random_() % 2) poll();
        return;
    }
  }
  static base::Task<> reset_a_stream(Node& a, Node& b) {
    for (const auto& connection : a.host->connections()) {
      if (connection->remote_peer() != b.id()) continue;
      std::vector<std::string> protocols{kProtocol11};
      auto opened = co_await connection->new_stream(std::move(protocols));
      if (!opened) co_return;
      const base::Bytes part{100, 1, 2};
      (void)co_await opened->stream->write(part);
      opened->stream->reset();
      co_return;
    }
  }

  std::mt19937 random_{GetParam()};
};

TEST_P(GossipsubChaosTest, AllHearAllOnceThingsHaveSettled) {
  for (std::size_t i = 0; i < kNodes; ++i) subscribe(add_node());
  for (int step = 0; step < kSteps; ++step) one_step();
  poll();
  for (auto& node : nodes_) {
    node->subscription = Subscription();
    subscribe(*node);
  }
  for (auto& a : nodes_) {
    for (auto& b : nodes_) connect_unless_connected(*a, *b);
  }
  // Back-offs of the last subscriptions that have ended are over by then, streams that were lost opened anew.
  pass(80s);
  for (auto& node : nodes_) node->delivered.clear();
  for (std::size_t i = 0; i < kNodes; ++i) publish(*nodes_[i], "from " + std::to_string(i));
  pass(3s);
  for (auto& node : nodes_) {
    EXPECT_EQ(node->delivered.size(), kNodes - 1);
    EXPECT_GE(node->pubsub->mesh_peers(kTopic).size(), 4u);
    EXPECT_EQ(node->pubsub->stats().peers, kNodes - 1);
    EXPECT_LT(node->pubsub->stats().queued_bytes, 1024u);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, GossipsubChaosTest, ::testing::Range(0u, 6u));

}  // namespace
}  // namespace libp2p::gossipsub
