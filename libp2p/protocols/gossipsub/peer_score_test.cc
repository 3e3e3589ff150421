#include "libp2p/protocols/gossipsub/peer_score.h"

#include "libp2p/protocols/gossipsub/testing/test_peers.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::peer;
using namespace std::chrono_literals;

const std::string kTopic = "topic";

boost::asio::ip::address ip(const char* text) { return boost::asio::ip::make_address(text); }

/// Everything off, to be turned on by a test.
ScoreParams nothing_counts() {
  ScoreParams params;
  params.other_topics.reset();
  params.topic_score_cap = 0;
  params.behaviour_penalty_weight = 0;
  params.ip_colocation_factor_weight = 0;
  TopicScoreParams topic;
  topic.topic_weight = 0.5;
  topic.time_in_mesh_weight = 0;
  topic.first_message_deliveries_weight = 0;
  topic.invalid_message_deliveries_weight = 0;
  params.topics[kTopic] = topic;
  return params;
}

class GossipsubPeerScore : public ::testing::Test {
 protected:
  /// Lets time pass, as heartbeats do.
  void pass(PeerScore& score, base::Duration time) {
    for (const base::TimePoint end = now_ + time; now_ < end;) {
      now_ += 1s;
      score.refresh(now_);
    }
  }
  PeerScore make(const ScoreParams& params) {
    PeerScore score(params);
    score.refresh(now_);
    score.add_peer(peer(1), std::nullopt);
    return score;
  }

  base::TimePoint now_{};
  ScoreParams params_ = nothing_counts();
  TopicScoreParams& topic_ = params_.topics[kTopic];
};

TEST_F(GossipsubPeerScore, UnknownPeersAndTopicsAreZero) {
  PeerScore score = make(params_);
  EXPECT_EQ(score.score(peer(2)), 0);
  score.misbehaved(peer(2));
  score.invalid_message(peer(1), "another");
  EXPECT_EQ(score.score(peer(1)), 0);
  EXPECT_EQ(score.size(), 1u);
}

TEST_F(GossipsubPeerScore, TimeInMeshCountsUpToItsCap) {
  topic_.time_in_mesh_weight = 2;
  topic_.time_in_mesh_quantum = 10s;
  topic_.time_in_mesh_cap = 5;
  PeerScore score = make(params_);
  score.graft(peer(1), kTopic, now_);
  pass(score, 35s);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), 0.5 * 2 * 3);
  pass(score, 1000s);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), 0.5 * 2 * 5);
  score.prune(peer(1), kTopic);
  EXPECT_EQ(score.score(peer(1)), 0);
}

TEST_F(GossipsubPeerScore, FirstDeliveriesAreCappedAndDecay) {
  topic_.first_message_deliveries_weight = 1;
  topic_.first_message_deliveries_cap = 8;
  topic_.first_message_deliveries_decay = 0.5;
  PeerScore score = make(params_);
  for (int i = 0; i < 20; ++i) score.first_delivery(peer(1), kTopic);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), 4);
  pass(score, 1s);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), 2);
  pass(score, 30s);
  EXPECT_EQ(score.score(peer(1)), 0);
}

TEST_F(GossipsubPeerScore, ADeficitOfDeliveriesCountsOnceItIsActive) {
  topic_.mesh_message_deliveries_weight = -1;
  topic_.mesh_message_deliveries_threshold = 4;
  topic_.mesh_message_deliveries_cap = 10;
  topic_.mesh_message_deliveries_decay = 0.999999;
  topic_.mesh_message_deliveries_activation = 10s;
  topic_.mesh_failure_penalty_weight = -1;
  topic_.mesh_failure_penalty_decay = 0.5;
  PeerScore score = make(params_);
  // What comes from outside the mesh does not count.
  score.near_first_delivery(peer(1), kTopic);
  score.graft(peer(1), kTopic, now_);
  score.first_delivery(peer(1), kTopic);
  pass(score, 10s);
  EXPECT_EQ(score.score(peer(1)), 0);
  pass(score, 1s);
  EXPECT_NEAR(score.score(peer(1)), 0.5 * -9, 0.01);
  score.near_first_delivery(peer(1), kTopic);
  EXPECT_NEAR(score.score(peer(1)), 0.5 * -4, 0.01);
  // Pruned with a deficit, it keeps that for a while.
  score.prune(peer(1), kTopic);
  EXPECT_NEAR(score.score(peer(1)), 0.5 * -4, 0.01);
  pass(score, 1s);
  EXPECT_NEAR(score.score(peer(1)), 0.5 * -2, 0.01);
  // Enough deliveries are no deficit.
  score.graft(peer(1), kTopic, now_);
  for (int i = 0; i < 5; ++i) score.near_first_delivery(peer(1), kTopic);
  pass(score, 60s);
  EXPECT_EQ(score.score(peer(1)), 0);
}

TEST_F(GossipsubPeerScore, InvalidMessagesCountSquared) {
  topic_.invalid_message_deliveries_weight = -1;
  topic_.invalid_message_deliveries_decay = 0.9;
  PeerScore score = make(params_);
  for (int i = 0; i < 3; ++i) score.invalid_message(peer(1), kTopic);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), 0.5 * -9);
  pass(score, 1s);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), 0.5 * -9 * 0.81);
}

TEST_F(GossipsubPeerScore, TopicsTogetherAreCapped) {
  topic_.first_message_deliveries_weight = 100;
  topic_.topic_weight = 1;
  params_.topic_score_cap = 7;
  params_.app_specific_score = [](const multiformats::PeerId&) { return 3.0; };
  params_.app_specific_weight = 2;
  PeerScore score = make(params_);
  score.first_delivery(peer(1), kTopic);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), 7 + 6);
}

TEST_F(GossipsubPeerScore, MisbehaviourBeyondItsThresholdCountsSquared) {
  params_.behaviour_penalty_weight = -10;
  params_.behaviour_penalty_threshold = 2;
  params_.behaviour_penalty_decay = 0.9;
  PeerScore score = make(params_);
  score.misbehaved(peer(1), 2);
  EXPECT_EQ(score.score(peer(1)), 0);
  score.misbehaved(peer(1), 3);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), -10 * 9);
  pass(score, 1s);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), -10 * 6.25);
}

TEST_F(GossipsubPeerScore, PeersOfOneAddressCountBeyondTheThreshold) {
  params_.ip_colocation_factor_weight = -1;
  params_.ip_colocation_factor_threshold = 2;
  PeerScore score(params_);
  for (std::uint8_t i = 0; i < 5; ++i) score.add_peer(peer(i), ip("192.0.2.7"));
  for (std::uint8_t i = 5; i < 8; ++i) score.add_peer(peer(i), ip(i % 2 ? "2001:db8::1" : "2001:db8::2:0:0:1"));
  for (std::uint8_t i = 8; i < 20; ++i) score.add_peer(peer(i), ip("127.0.0.1"));
  score.add_peer(peer(20), ip("::ffff:192.0.2.7"));
  EXPECT_DOUBLE_EQ(score.score(peer(0)), -16);
  EXPECT_DOUBLE_EQ(score.score(peer(20)), -16);
  // A /64 is one address.
  EXPECT_DOUBLE_EQ(score.score(peer(5)), -1);
  EXPECT_EQ(score.score(peer(8)), 0);
  for (std::uint8_t i = 0; i < 4; ++i) score.remove_peer(peer(i), now_);
  EXPECT_EQ(score.score(peer(4)), 0);
}

TEST_F(GossipsubPeerScore, WhatAPeerDidWrongOutlivesItsConnection) {
  topic_.invalid_message_deliveries_weight = -1;
  topic_.first_message_deliveries_weight = 1;
  topic_.topic_weight = 1;
  params_.retain_score = 100s;
  PeerScore score = make(params_);
  score.add_peer(peer(2), std::nullopt);
  for (int i = 0; i < 3; ++i) score.invalid_message(peer(1), kTopic);
  for (int i = 0; i < 20; ++i) score.first_delivery(peer(1), kTopic);
  score.first_delivery(peer(2), kTopic);
  EXPECT_GT(score.score(peer(1)), 0);
  score.remove_peer(peer(1), now_);
  score.remove_peer(peer(2), now_);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), -9);
  EXPECT_EQ(score.size(), 1u);
  pass(score, 99s);
  // Staying away makes it no better.
  EXPECT_DOUBLE_EQ(score.score(peer(1)), -9);
  score.add_peer(peer(1), std::nullopt);
  EXPECT_DOUBLE_EQ(score.score(peer(1)), -9);
  EXPECT_EQ(score.retained(), 0u);
  score.remove_peer(peer(1), now_);
  pass(score, 100s);
  EXPECT_EQ(score.score(peer(1)), 0);
  EXPECT_EQ(score.size(), 0u);
}

TEST_F(GossipsubPeerScore, RemembersSoManyAtMost) {
  params_.behaviour_penalty_weight = -1;
  params_.retained_max = 3;
  PeerScore score(params_);
  for (std::uint8_t i = 0; i < 10; ++i) {
    score.add_peer(peer(i), ip("192.0.2.7"));
    score.misbehaved(peer(i));
    score.remove_peer(peer(i), now_ + i * 1s);
    score.remove_peer(peer(i), now_ + i * 1s);
  }
  EXPECT_EQ(score.size(), 3u);
  EXPECT_EQ(score.score(peer(6)), 0);
  EXPECT_LT(score.score(peer(7)), 0);
}

TEST_F(GossipsubPeerScore, DefaultsGraylistTheHostileAndLeaveTheHonestAlone) {
  const ScoreThresholds thresholds;
  PeerScore score = make(ScoreParams());
  score.add_peer(peer(2), ip("192.0.2.1"));
  for (const std::uint8_t i : {1, 2}) score.graft(peer(i), kTopic, now_);
  for (int i = 0; i < 1000; ++i) score.first_delivery(peer(1), kTopic);
  pass(score, 100s);
  EXPECT_GE(score.score(peer(2)), 0);
  EXPECT_GE(score.score(peer(1)), thresholds.opportunistic_graft);
  // Not even the best credit lasts for a handful of invalid messages.
  for (int i = 0; i < 1000; ++i) score.first_delivery(peer(1), kTopic);
  for (int i = 0; i < 3; ++i) score.invalid_message(peer(1), kTopic);
  EXPECT_LT(score.score(peer(1)), thresholds.graylist);
  for (int i = 0; i < 3; ++i) score.misbehaved(peer(2));
  EXPECT_LT(score.score(peer(2)), thresholds.graylist);
}

}  // namespace
}  // namespace libp2p::gossipsub
