// Whole nodes: hosts, streams, heartbeats.
#include "libp2p/protocols/gossipsub/gossipsub.h"

#include "libp2p/protocols/gossipsub/testing/pubsub_fixture.h"
#include "libp2p/records/peer_record.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using namespace std::chrono_literals;

using GossipsubTest = testing::PubsubFixture;

TEST_F(GossipsubTest, AMeshFormsAndEveryMessageReachesAll) {
  for (int i = 0; i < 12; ++i) subscribe(add_node());
  // Each knows some others only.
  for (std::size_t i = 0; i < 12; ++i) {
    for (const std::size_t step : {1u, 2u, 5u}) connect(*nodes_[i], *nodes_[(i + step) % 12]);
  }
  pass(2s);
  for (auto& node : nodes_) {
    EXPECT_EQ(node->pubsub->topic_peers(kTopic).size(), 6u);
    EXPECT_GE(node->pubsub->mesh_peers(kTopic).size(), 4u);
  }
  for (int i = 0; i < 12; ++i) publish(*nodes_[i], "from " + std::to_string(i));
  for (auto& node : nodes_) EXPECT_EQ(node->delivered.size(), 11u);
  pass(30s);
  for (auto& node : nodes_) {
    EXPECT_EQ(node->delivered.size(), 11u);
    for (auto& other : nodes_) EXPECT_GE(node->pubsub->score(other->id()), 0);
  }
}

TEST_F(GossipsubTest, SubscribingLaterIsTold) {
  Node& a = add_node();
  Node& b = add_node();
  connect(a, b);
  subscribe(b);
  poll();
  EXPECT_EQ(a.pubsub->topic_peers(kTopic), std::vector{b.id()});
  publish(a, "from who is not subscribed");
  EXPECT_EQ(b.delivered.size(), 1u);
  b.subscription = Subscription();
  poll();
  EXPECT_TRUE(a.pubsub->topic_peers(kTopic).empty());
  publish(a, "to nobody");
  EXPECT_EQ(b.delivered.size(), 1u);
}

TEST_F(GossipsubTest, APeerWithoutGossipsubIsLeftAlone) {
  Node& a = add_node();
  connect(a, add_plain());
  pass(5s);
  EXPECT_EQ(a.pubsub->stats().peers, 0u);
}

TEST_F(GossipsubTest, NodesThatWereConnectedBeforeAreFound) {
  Node& a = add_node();
  Node& b = add_plain();
  connect(a, b);
  Config config{.key = keys_[1]};
  b.pubsub = Gossipsub::create(io_.get_executor(), clock_, *b.host, config).value();
  subscribe(a);
  subscribe(b);
  pass(2s);
  EXPECT_EQ(a.pubsub->mesh_peers(kTopic), std::vector{b.id()});
  EXPECT_EQ(b.pubsub->mesh_peers(kTopic), std::vector{a.id()});
}

TEST_F(GossipsubTest, APartitionHealsByGossip) {
  for (int i = 0; i < 10; ++i) subscribe(add_node());
  connect_all();
  pass(2s);
  const auto is_left = [](std::size_t i) { return i < 5; };
  for (std::size_t a = 0; a < 5; ++a) {
    for (std::size_t b = 5; b < 10; ++b) nodes_[a]->host->disconnect(nodes_[b]->id());
  }
  poll();
  publish(*nodes_[0], "left");
  publish(*nodes_[9], "right");
  for (std::size_t i = 0; i < 10; ++i) {
    if (i == 0 || i == 9) continue;
    EXPECT_EQ(nodes_[i]->delivered, std::vector<std::string>{is_left(i) ? "left" : "right"});
  }
  connect(*nodes_[1], *nodes_[8]);
  connect(*nodes_[7], *nodes_[2]);
  pass(4s);
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(nodes_[i]->delivered.size(), i == 0 || i == 9 ? 1u : 2u) << i;
}

TEST_F(GossipsubTest, AReconnectedPeerIsInTheMeshAgain) {
  Node& a = add_node();
  Node& b = add_node();
  subscribe(a);
  subscribe(b);
  for (int i = 0; i < 5; ++i) {
    connect(a, b);
    pass(2s);
    EXPECT_EQ(a.pubsub->mesh_peers(kTopic), std::vector{b.id()});
    publish(a, "news " + std::to_string(i));
    EXPECT_EQ(b.delivered.size(), i + 1u);
    a.host->disconnect(b.id());
    poll();
    EXPECT_EQ(a.pubsub->stats().peers, 0u);
    EXPECT_EQ(b.pubsub->stats().peers, 0u);
  }
}

TEST_F(GossipsubTest, BothDiallingAtOnceLeavesOneConnection) {
  Node& a = add_node();
  Node& b = add_node();
  subscribe(a);
  subscribe(b);
  struct Dial {
    static base::Task<> to(Node& from, Node& other, int& done) {
      std::vector<multiformats::Multiaddr> addresses{other.address};
      (void)co_await from.host->connect(other.id(), std::move(addresses));
      ++done;
    }
  };
  int done = 0;
  base::spawn(io_.get_executor(), Dial::to(a, b, done));
  base::spawn(io_.get_executor(), Dial::to(b, a, done));
  poll();
  EXPECT_EQ(done, 2);
  EXPECT_EQ(a.host->connections().size(), 2u);
  pass(180s);
  EXPECT_EQ(a.host->connections().size(), 1u);
  EXPECT_EQ(b.host->connections().size(), 1u);
  EXPECT_EQ(a.pubsub->mesh_peers(kTopic), std::vector{b.id()});
  EXPECT_EQ(b.pubsub->mesh_peers(kTopic), std::vector{a.id()});
  publish(a, "news");
  EXPECT_EQ(b.delivered.size(), 1u);
}

TEST_F(GossipsubTest, AValidatorMayTakeItsTime) {
  Node& a = add_node();
  Node& b = add_node();
  base::Signal decided(io_.get_executor());
  std::optional<Validation> decision;
  subscribe(a);
  struct Wait {
    static base::Task<Validation> until(base::Signal& signal, std::optional<Validation>& decision) {
      while (!decision) co_await signal.wait();
      co_return *decision;
    }
  };
  subscribe(b, [&](multiformats::PeerId, MessagePtr) { return Wait::until(decided, decision); });
  connect(a, b);
  pass(2s);
  publish(a, "news");
  EXPECT_TRUE(b.delivered.empty());
  EXPECT_EQ(b.pubsub->stats().validating, 1u);
  decision = Validation::kAccept;
  decided.notify_all();
  poll();
  EXPECT_EQ(b.delivered.size(), 1u);
  EXPECT_EQ(b.pubsub->stats().validating, 0u);
  decision = Validation::kIgnore;
  publish(a, "ignored");
  EXPECT_EQ(b.delivered.size(), 1u);
  EXPECT_GE(b.pubsub->score(a.id()), 0);
  decision = Validation::kReject;
  publish(a, "rejected");
  EXPECT_EQ(b.delivered.size(), 1u);
  EXPECT_LT(b.pubsub->score(a.id()), 0);
}

TEST_F(GossipsubTest, MessagesBeyondWhatCanBeValidatedCanBeHadLater) {
  Node& a = add_node();
  Node& b = add_node([](Config& config) { config.limits.validations_per_peer_max = 5; });
  base::Signal decided(io_.get_executor());
  bool is_open = false;
  struct Wait {
    static base::Task<Validation> until(base::Signal& signal, bool& open) {
      while (!open) co_await signal.wait();
      co_return Validation::kAccept;
    }
  };
  subscribe(a);
  subscribe(b, [&](multiformats::PeerId, MessagePtr) { return Wait::until(decided, is_open); });
  connect(a, b);
  pass(2s);
  for (int i = 0; i < 20; ++i) publish(a, std::to_string(i));
  EXPECT_EQ(b.pubsub->stats().validating, 5u);
  EXPECT_EQ(b.pubsub->stats().router.throttled, 15u);
  is_open = true;
  decided.notify_all();
  poll();
  EXPECT_EQ(b.delivered.size(), 5u);
  EXPECT_GE(b.pubsub->score(a.id()), 0);
}

TEST_F(GossipsubTest, WrongCallsAreErrors) {
  Node& a = add_node();
  subscribe(a);
  EXPECT_EQ(a.pubsub->subscribe(kTopic, nullptr, nullptr).error(), Errc::kAlreadySubscribed);
  EXPECT_EQ(a.pubsub->subscribe("", nullptr, nullptr).error(), Errc::kBadTopic);
  EXPECT_EQ(a.pubsub->subscribe(std::string(kTopicBytesMax + 1, 't'), nullptr, nullptr).error(), Errc::kBadTopic);
  EXPECT_EQ(a.pubsub->publish("", {}).error(), Errc::kBadTopic);
  const base::Bytes long_data(Limits().message_bytes_max + 1);
  EXPECT_EQ(a.pubsub->publish(kTopic, long_data).error(), Errc::kMessageTooLong);
  Config bad{.key = keys_[0]};
  bad.mesh.d_low = 7;
  EXPECT_EQ(Gossipsub::create(io_.get_executor(), clock_, *a.host, bad).error(), Errc::kBadMeshParams);
  run(a.pubsub->close());
  EXPECT_EQ(a.pubsub->publish(kTopic, {}).error(), Errc::kClosed);
  EXPECT_EQ(a.pubsub->subscribe("another", nullptr, nullptr).error(), Errc::kClosed);
  run(a.pubsub->close());
}

TEST_F(GossipsubTest, AHandlerMayEndItsSubscription) {
  Node& a = add_node();
  Node& b = add_node();
  connect(a, b);
  std::size_t count = 0;
  const auto handler = [&b, &count](const multiformats::PeerId&, const MessagePtr& message) {
    b.subscription = Subscription();
    count += message->data.size();
  };
  b.subscription = b.pubsub->subscribe(kTopic, nullptr, handler).value();
  poll();
  for (int i = 0; i < 3; ++i) publish(a, "x");
  EXPECT_EQ(count, 1u);
}

TEST_F(GossipsubTest, ASuggestedPeerIsDialledOnlyIfConfigured) {
  for (const bool accepts : {false, true}) {
    Node& other = add_node();
    const auto other_key = keys_.back();
    Node& a = add_node([accepts](Config& config) {
      config.mesh.accept_peer_exchange = accepts;
      config.thresholds.accept_px = 0;
    });
    subscribe(a);
    Node& pruner = add_plain();
    std::vector<std::string> protocols{kProtocol11};
    auto stream = run(connect(pruner, a)->new_stream(std::move(protocols))).value().stream;
    const PeerRecord record{other.id(), 1, {other.address}};
    const Prune prune{.topic = kTopic, .peers = {{other.id(), seal_peer_record(other_key, record)}}};
    const base::Bytes frame = serialise_control({.prune = {prune}}).at(0);
    ASSERT_TRUE(run(stream->write(frame)));
    poll();
    const auto peers = a.host->peers();
    EXPECT_EQ(std::count(peers.begin(), peers.end(), other.id()), accepts ? 1 : 0);
    stream->reset();
  }
}

TEST_F(GossipsubTest, TheLongestMessageGoesThrough) {
  Node& a = add_node();
  Node& b = add_node();
  subscribe(a);
  subscribe(b);
  connect(a, b);
  pass(2s);
  publish(a, std::string(Limits().message_bytes_max, 'x'));
  ASSERT_EQ(b.delivered.size(), 1u);
  EXPECT_EQ(b.delivered[0].size(), Limits().message_bytes_max);
}

TEST_F(GossipsubTest, ClosingTellsPeersAndLeavesNothing) {
  Node& a = add_node();
  Node& b = add_node();
  subscribe(a);
  subscribe(b);
  const auto connection = connect(a, b);
  pass(2s);
  ASSERT_EQ(b.pubsub->mesh_peers(kTopic).size(), 1u);
  run(a.pubsub->close());
  poll();
  EXPECT_TRUE(b.pubsub->topic_peers(kTopic).empty());
  EXPECT_TRUE(b.pubsub->mesh_peers(kTopic).empty());
  EXPECT_FALSE(connection->is_closed());
  pass(5s);
  EXPECT_EQ(connection->stream_count(), 0u);
}

TEST_F(GossipsubTest, ManyMessagesInARowAllArrive) {
  Node& a = add_node();
  Node& b = add_node();
  Node& c = add_node();
  for (Node* each : {&a, &b, &c}) subscribe(*each);
  connect(a, b);
  connect(b, c);
  pass(2s);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(a.pubsub->publish(kTopic, base::as_bytes(std::to_string(i))));
  poll();
  ASSERT_EQ(c.delivered.size(), 1000u);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(c.delivered[i], std::to_string(i));
}

}  // namespace
}  // namespace libp2p::gossipsub
