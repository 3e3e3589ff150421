// Messages and gossip, between routers with no I/O.
#include "libp2p/protocols/gossipsub/router.h"

#include "libp2p/protocols/gossipsub/testing/router_net.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::message;
using testing::peer;
using testing::RouterNet;
using namespace std::chrono_literals;

const std::string kTopic = "topic";

base::Bytes ihave_of(std::vector<MessageId> ids) {
  return serialise_control({.ihave = {{kTopic, std::move(ids)}}}).at(0);
}
base::Bytes iwant_of(std::vector<MessageId> ids) { return serialise_control({.iwant = std::move(ids)}).at(0); }

/// What `from` sends to `to`, by kind of entry.
struct Sent {
  std::vector<MessageId> iwant, idontwant, ihave;
  std::vector<std::string> messages;
};
void listen(RouterNet& net, std::size_t from, std::uint8_t to, Sent& sent) {
  net.on_send = [&sent, from, to](std::size_t sender, const Send& send) {
    if (sender != from || send.to != peer(to)) return;
    const auto rpc = parse_rpc(testing::without_length(*send.frame)).value();
    const auto add = [](auto& all, const auto& more) { all.insert(all.end(), more.begin(), more.end()); };
    add(sent.iwant, rpc.control.iwant);
    add(sent.idontwant, rpc.control.idontwant);
    for (const Ihave& each : rpc.control.ihave) add(sent.ihave, each.ids);
    for (const RawMessage& each : rpc.publish) sent.messages.emplace_back(base::as_text(*each.data));
  };
}

TEST(GossipsubRouter, AMessageReachesEachOnce) {
  for (const bool flood : {true, false}) {
    RouterNet net(40, [flood](Config& config) { config.mesh.flood_publish = flood; });
    // A ring with chords: most have no connection to the publisher.
    for (std::size_t i = 0; i < 40; ++i) {
      for (const std::size_t step : {1u, 3u, 7u, 12u}) net.connect(i, (i + step) % 40);
    }
    net.join_all(kTopic);
    net.heartbeats(3);
    net.publish(0, kTopic, "news");
    EXPECT_TRUE(net.delivered(0).empty());
    for (std::size_t i = 1; i < 40; ++i) EXPECT_EQ(net.delivered(i), std::vector<std::string>{"news"}) << i;
    EXPECT_EQ(net[0].stats().published, 1u);
  }
}

TEST(GossipsubRouter, WhoIsNotSubscribedPublishesByFanout) {
  RouterNet net(20, [](Config& config) { config.mesh.flood_publish = false; });
  net.connect_all();
  for (std::size_t i = 1; i < 20; ++i) net[i].join(kTopic, net.now());
  net.settle();
  net.heartbeats(2);
  std::set<multiformats::PeerId> used;
  net.on_send = [&used](std::size_t from, const Send& send) {
    if (from == 0 && send.kind == SendKind::kMessage) used.insert(send.to);
  };
  net.publish(0, kTopic, "one");
  EXPECT_EQ(used.size(), 6u);
  net.publish(0, kTopic, "two");
  EXPECT_EQ(used.size(), 6u);
  for (std::size_t i = 1; i < 20; ++i) EXPECT_EQ(net.delivered(i).size(), 2u);
  // When it joins, they are its mesh.
  const auto fanout = used;
  net[0].join(kTopic, net.now());
  EXPECT_EQ(net[0].mesh_peers(kTopic), fanout);
}

TEST(GossipsubRouter, WhatWasLostIsHadByGossip) {
  RouterNet net(3);
  net.connect(0, 1);
  net.connect(1, 2);
  net.join_all(kTopic);
  net.set_cut(1, 2, true);
  net.publish(0, kTopic, "news");
  EXPECT_TRUE(net.delivered(2).empty());
  // Node 2 has been pruned meanwhile, say: it is told by gossip as one that is not in the mesh.
  net.set_cut(1, 2, false);
  net.send(2, 1, testing::prune_of(kTopic, 60));
  net.heartbeats(1);
  EXPECT_EQ(net.delivered(2), std::vector<std::string>{"news"});
}

TEST(GossipsubRouter, APartitionHeals) {
  RouterNet net(12);
  const auto is_left = [](std::size_t node) { return node < 6; };
  net.connect_all();
  net.join_all(kTopic);
  net.heartbeats(2);
  for (std::size_t a = 0; a < 12; ++a) {
    for (std::size_t b = 0; b < 12; ++b) {
      if (is_left(a) != is_left(b)) net.set_cut(a, b, true);
    }
  }
  net.publish(0, kTopic, "left");
  net.publish(11, kTopic, "right");
  EXPECT_TRUE(net.delivered(11).empty());
  for (std::size_t a = 0; a < 12; ++a) {
    for (std::size_t b = 0; b < 12; ++b) net.set_cut(a, b, false);
  }
  net.heartbeats(3);
  for (std::size_t i = 0; i < 12; ++i) EXPECT_EQ(net.delivered(i).size(), i == 0 || i == 11 ? 1u : 2u) << i;
}

TEST(GossipsubRouter, WhoComesLaterIsToldWhatWasPublishedJustBefore) {
  RouterNet net(2);
  net.join_all(kTopic);
  net.publish(0, kTopic, "news");
  net.connect(0, 1);
  net.heartbeats(1);
  EXPECT_EQ(net[0].mesh_peers(kTopic).size(), 1u);
  EXPECT_EQ(net.delivered(1), std::vector<std::string>{"news"});
}

TEST(GossipsubRouter, ABrokenPromiseIsMisbehaviour) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  Sent sent;
  listen(net, 0, 1, sent);
  net.send(1, 0, ihave_of({"nothing behind it", "nor this"}));
  EXPECT_EQ(sent.iwant.size(), 2u);
  net.heartbeats(2);
  EXPECT_GE(net[0].score(peer(1)), 0);
  net.heartbeats(2);
  EXPECT_LT(net[0].score(peer(1)), 0);
}

TEST(GossipsubRouter, AKeptPromiseIsNone) {
  RouterNet net(3);
  net.connect(0, 1);
  net.connect(0, 2);
  net.join_all(kTopic);
  const auto news = message(9, 1, kTopic);
  net.send(1, 0, ihave_of({news->id}));
  net.send(2, 0, *news->frame);
  net.heartbeats(10);
  EXPECT_GE(net[0].score(peer(1)), 0);
}

TEST(GossipsubRouter, GossipIsBoundedBetweenHeartbeats) {
  RouterNet net(2, [](Config& config) {
    config.limits.ihaves_max = 4;
    config.limits.ihave_ids_max = 100;
    // Only the bounds are tried here.
    config.score.behaviour_penalty_weight = 0;
  });
  net.connect(0, 1);
  net.join_all(kTopic);
  Sent sent;
  listen(net, 0, 1, sent);
  const auto ids = [](int from, int count) {
    std::vector<MessageId> result;
    for (int i = from; i < from + count; ++i) result.push_back("id " + std::to_string(i));
    return result;
  };
  net.send(1, 0, ihave_of(ids(0, 1000)));
  EXPECT_EQ(sent.iwant.size(), 100u);
  net.send(1, 0, ihave_of(ids(1000, 1000)));
  EXPECT_EQ(sent.iwant.size(), 100u);
  net.heartbeats(1);
  sent = Sent();
  for (int i = 0; i < 10; ++i) net.send(1, 0, ihave_of(ids(2000 + i, 1)));
  EXPECT_EQ(sent.iwant.size(), 4u);
}

TEST(GossipsubRouter, AMessageIsGivenSoOftenOnly) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  net.publish(0, kTopic, "news");
  Sent sent;
  listen(net, 0, 1, sent);
  const auto id = message(0, 1, kTopic, "news")->id;
  for (int i = 0; i < 100; ++i) net.send(1, 0, iwant_of({id, id, id}));
  EXPECT_EQ(sent.messages.size(), 3u);
  net.send(1, 0, iwant_of({"unknown"}));
  EXPECT_EQ(sent.messages.size(), 3u);
}

TEST(GossipsubRouter, WhatIsNotWantedIsNotSent) {
  RouterNet net(3);
  net.connect(0, 1);
  net.connect(1, 2);
  net.join_all(kTopic);
  const auto news = message(0, 1, kTopic, "news");
  Sent sent;
  listen(net, 1, 2, sent);
  net.send(2, 1, serialise_control({.idontwant = {news->id}}).at(0));
  net.publish(0, kTopic, "news");
  EXPECT_TRUE(sent.messages.empty());
  net.publish(0, kTopic, "other");
  EXPECT_EQ(sent.messages, std::vector<std::string>{"other"});
}

TEST(GossipsubRouter, LongMessagesAreAnnouncedAsUnwanted) {
  RouterNet net(3);
  net.connect(0, 1);
  net.connect(1, 2);
  net.join_all(kTopic);
  net[1].set_takes_idontwant(peer(2), true);
  Sent sent;
  listen(net, 1, 2, sent);
  net.publish(0, kTopic, "short");
  EXPECT_TRUE(sent.idontwant.empty());
  net.publish(0, kTopic, std::string(2000, 'x'));
  EXPECT_EQ(sent.idontwant.size(), 1u);
}

TEST(GossipsubRouter, InvalidSignaturesAreScoredDownAndNotPassedOn) {
  RouterNet net(3);
  net.connect(0, 1);
  net.connect(1, 2);
  net.join_all(kTopic);
  base::Bytes frame = *message(9, 1, kTopic)->frame;
  frame.back() ^= 1;  // in the signature
  net.send(0, 1, frame);
  EXPECT_TRUE(net.delivered(1).empty());
  EXPECT_TRUE(net.delivered(2).empty());
  EXPECT_LT(net[1].score(peer(0)), 0);
  EXPECT_EQ(net[1].stats().invalid, 1u);
  for (int i = 0; i < 2; ++i) net.send(0, 1, frame);
  EXPECT_TRUE(net[1].is_graylisted(peer(0)));
  // Nothing that it sends is looked at now, good messages neither.
  net.publish(0, kTopic, "news");
  EXPECT_TRUE(net.delivered(1).empty());
  // The id is not taken: the author's own message is.
  net.send(2, 1, *message(9, 1, kTopic)->frame);
  EXPECT_EQ(net.delivered(1).size(), 1u);
}

TEST(GossipsubRouter, MessagesWithoutWhatStrictSignWantsAreInvalid) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  base::Bytes unsigned_message;
  append_bytes_field(unsigned_message, 2, base::as_bytes("data"));
  append_bytes_field(unsigned_message, 4, base::as_bytes(kTopic));
  net.send(0, 1, testing::frame_of(unsigned_message));
  EXPECT_EQ(net[1].stats().invalid, 1u);
  EXPECT_LT(net[1].score(peer(0)), 0);
}

TEST(GossipsubRouter, RejectedMessagesCountForAllWhoBringThem) {
  RouterNet net(4);
  net.connect(0, 3);
  net.connect(1, 3);
  net.connect(2, 3);
  net.join_all(kTopic);
  net.validator = [](const Message& each) {
    return base::as_text(each.data) == "bad" ? Validation::kReject : Validation::kIgnore;
  };
  const auto bad = message(9, 1, kTopic, "bad");
  net.send(0, 3, *bad->frame);
  net.send(1, 3, *bad->frame);
  EXPECT_LT(net[3].score(peer(0)), 0);
  EXPECT_LT(net[3].score(peer(1)), 0);
  EXPECT_GE(net[3].score(peer(2)), 0);
  net.send(2, 3, *message(9, 2, kTopic, "to be ignored")->frame);
  EXPECT_GE(net[3].score(peer(2)), 0);
  EXPECT_EQ(net[3].stats().ignored, 1u);
  EXPECT_EQ(net[3].stats().delivered, 0u);
  EXPECT_EQ(net[3].cache().size(), 0u);
}

TEST(GossipsubRouter, MembersThatBringMessagesInTimeHaveNoDeficit) {
  RouterNet net(4, [](Config& config) {
    if (config.seed != 0) return;  // node 0 is the judge
    TopicScoreParams& topic = *config.score.other_topics;
    topic.time_in_mesh_weight = 0;
    topic.first_message_deliveries_weight = 0;
    topic.mesh_message_deliveries_weight = -1;
    topic.mesh_message_deliveries_threshold = 2;
    topic.mesh_message_deliveries_activation = 2s;
    topic.mesh_message_deliveries_decay = 0.999;
    topic.mesh_failure_penalty_weight = -1;
  });
  for (std::size_t i = 1; i < 4; ++i) net.connect(i, 0);
  net.join_all(kTopic);
  ASSERT_EQ(net[0].mesh_peers(kTopic).size(), 3u);
  for (std::uint64_t i = 0; i < 5; ++i) {
    const auto news = message(9, i, kTopic);
    net.send(1, 0, *news->frame);
    net.pass(5ms);
    net.send(2, 0, *news->frame);
    net.send(2, 0, *news->frame);
    net.pass(10ms);
    // Too late to be anything but an echo.
    net.send(3, 0, *news->frame);
  }
  net.heartbeats(3);
  EXPECT_EQ(net[0].score(peer(1)), 0);
  EXPECT_EQ(net[0].score(peer(2)), 0);
  EXPECT_LT(net[0].score(peer(3)), 0);
  EXPECT_FALSE(net[0].mesh_peers(kTopic).contains(peer(3)));
  EXPECT_EQ(net[0].mesh_peers(kTopic).size(), 2u);
}

TEST(GossipsubRouter, AMessageOfOursThatComesBackIsNobodysFault) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  const auto earlier = message(1, 77, kTopic);
  net.send(0, 1, ihave_of({earlier->id}));
  net.send(0, 1, *earlier->frame);
  EXPECT_TRUE(net.delivered(1).empty());
  net.heartbeats(10);
  EXPECT_GE(net[1].score(peer(0)), 0);
}

TEST(GossipsubRouter, OnlyOurTopicsAreTaken) {
  RouterNet net(2);
  net.connect(0, 1);
  net.send(0, 1, *message(9, 1, "unknown")->frame);
  EXPECT_EQ(net[1].stats().messages_received, 0u);
  EXPECT_EQ(net[1].seen().size(), 0u);
}

TEST(GossipsubRouter, SignaturesAreCheckedSoOftenAPeer) {
  RouterNet net(2, [](Config& config) {
    config.limits.verifications_burst = 10;
    config.limits.verification_interval = 100ms;
  });
  net.connect(0, 1);
  net.join_all(kTopic);
  for (std::uint64_t i = 0; i < 50; ++i) net.send(0, 1, *message(9, i, kTopic)->frame);
  EXPECT_EQ(net.delivered(1).size(), 10u);
  EXPECT_EQ(net[1].stats().throttled, 40u);
  EXPECT_GE(net[1].score(peer(0)), 0);
  net.pass(1s);
  // What was dropped can be had again.
  for (std::uint64_t i = 40; i < 50; ++i) net.send(0, 1, *message(9, i, kTopic)->frame);
  EXPECT_EQ(net.delivered(1).size(), 20u);
}

TEST(GossipsubRouter, ManyOutsidersTogetherGetNoMoreThanTheirShare) {
  RouterNet net(42, [](Config& config) {
    config.limits.outsider_verifications_burst = 10;
    config.limits.outsider_verification_interval = 100ms;
    // Nobody grafts node 0 but whom it has grafted itself.
    if (config.seed == 0) return;
    config.mesh.d = config.mesh.d_low = config.mesh.d_out = config.mesh.d_score = 0;
  });
  for (std::size_t i = 1; i < 42; ++i) net.connect(0, i);
  net.join_all(kTopic);
  const auto members = net[0].mesh_peers(kTopic);
  ASSERT_EQ(members.size(), 6u);
  std::uint64_t from_outside = 0;
  for (std::uint8_t i = 1; i < 42; ++i) {
    if (members.contains(peer(i))) continue;
    for (std::uint64_t k = 0; k < 10; ++k) net.send(i, 0, *message(i, k, kTopic)->frame);
  }
  from_outside = net.delivered(0).size();
  EXPECT_EQ(from_outside, 10u);
  for (std::uint8_t i = 1; i < 42; ++i) {
    if (!members.contains(peer(i))) continue;
    for (std::uint64_t k = 0; k < 10; ++k) net.send(i, 0, *message(i, k, kTopic)->frame);
  }
  EXPECT_EQ(net.delivered(0).size(), from_outside + 60);
}

TEST(GossipsubRouter, TopicsOfAPeerAreBounded) {
  RouterNet net(2);
  net.connect(0, 1);
  for (int i = 0; i < 10'000; ++i) {
    net.send(0, 1, serialise_subscriptions({{true, "topic " + std::to_string(i)}}).at(0));
  }
  std::size_t count = 0;
  for (int i = 0; i < 10'000; ++i) count += net[1].topic_peers("topic " + std::to_string(i)).size();
  EXPECT_EQ(count, Limits().topics_per_peer_max);
}

TEST(GossipsubRouter, APeerThatGoesIsForgotten) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  net[0].remove_peer(peer(1), net.now());
  EXPECT_EQ(net[0].peer_count(), 0u);
  EXPECT_TRUE(net[0].mesh_peers(kTopic).empty());
  EXPECT_TRUE(net[0].topic_peers(kTopic).empty());
  net.send(1, 0, *message(9, 1, kTopic)->frame);
  EXPECT_TRUE(net.delivered(0).empty());
}

TEST(GossipsubRouter, ALostStreamBeginsWithOurSubscriptionsAgain) {
  RouterNet net(2);
  net.connect(0, 1);
  net.join_all(kTopic);
  net[0].outbound_lost(peer(1));
  net[1].inbound_restarted(peer(0));
  EXPECT_TRUE(net[1].topic_peers(kTopic).empty());
  EXPECT_TRUE(net[0].mesh_peers(kTopic).empty());
  net.settle();
  EXPECT_EQ(net[1].topic_peers(kTopic).size(), 1u);
  net.heartbeats(1);
  EXPECT_EQ(net[0].mesh_peers(kTopic).size(), 1u);
  EXPECT_EQ(net[1].mesh_peers(kTopic).size(), 1u);
}

}  // namespace
}  // namespace libp2p::gossipsub
