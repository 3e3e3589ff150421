// What a peer's score is made of (libp2p/specs pubsub/gossipsub/gossipsub-v1.1.md, "Peer Scoring").
//
// Defaults are such that an honest peer never falls below zero, whatever a topic's rate, while a peer that sends a few
// invalid messages, breaks promises or grafts against the rules is graylisted within seconds. What depends on a topic's
// rate (P3, P3b) is off until it is set. Weights of 0 turn a part off.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace libp2p::gossipsub {

/// REQUIRES (validate()): graylist <= publish <= gossip < 0 <= accept_px, opportunistic_graft.
struct ScoreThresholds {
  /// Below: no gossip (IHAVE, IWANT) is sent to the peer or taken from it.
  double gossip = -10;
  /// Below: messages of our own are not sent to it.
  double publish = -50;
  /// Below: whatever it sends is passed over.
  double graylist = -80;
  /// Below: the peers that it suggests when it prunes us are passed over.
  double accept_px = 10;
  /// Median score of a mesh below which better peers are grafted into it.
  double opportunistic_graft = 2;
};

struct TopicScoreParams {
  /// >= 0: share of this topic in the score.
  double topic_weight = 1;

  // P1: time in our mesh, in quanta.
  double time_in_mesh_weight = 0.02;  ///< >= 0
  base::Duration time_in_mesh_quantum = std::chrono::seconds(1);
  double time_in_mesh_cap = 100;

  // P2: messages that it was the first to bring.
  double first_message_deliveries_weight = 0.1;  ///< >= 0
  double first_message_deliveries_decay = 0.98;
  double first_message_deliveries_cap = 50;

  // P3: squared deficit of messages brought while in our mesh. Off: the threshold hangs on the topic's rate.
  double mesh_message_deliveries_weight = 0;  ///< <= 0
  double mesh_message_deliveries_decay = 0.97;
  double mesh_message_deliveries_cap = 100;
  double mesh_message_deliveries_threshold = 20;
  /// How long after a message has been found valid it still counts as brought in time.
  base::Duration mesh_message_deliveries_window = std::chrono::milliseconds(10);
  /// Time in mesh before P3 applies; at least 1 s.
  base::Duration mesh_message_deliveries_activation = std::chrono::seconds(10);

  // P3b: deficits that it was pruned with.
  double mesh_failure_penalty_weight = 0;  ///< <= 0
  double mesh_failure_penalty_decay = 0.97;

  // P4: squared number of invalid messages.
  double invalid_message_deliveries_weight = -20;  ///< <= 0
  double invalid_message_deliveries_decay = 0.99;
};

struct ScoreParams {
  std::map<std::string, TopicScoreParams> topics = {};
  /// Of topics that are not in `topics`; without it they do not count.
  std::optional<TopicScoreParams> other_topics = TopicScoreParams();
  /// The most that all topics together add; 0: no cap. Keeps a peer from saving up credit to spend on misbehaviour.
  double topic_score_cap = 20;

  // P5: what the application thinks of the peer. Called often: cheap, and not calling back.
  std::function<double(const multiformats::PeerId&)> app_specific_score = nullptr;
  double app_specific_weight = 1;  ///< >= 0

  // P6: squared surplus of peers with the same IPv4 address or IPv6 /64.
  double ip_colocation_factor_weight = -5;  ///< <= 0
  std::size_t ip_colocation_factor_threshold = 16;
  /// Whether peers on this host's loopback addresses count: they share one by nature.
  bool ip_colocation_counts_loopback = false;

  // P7: squared surplus of misbehaviour: broken promises, grafts before the back-off is over, malformed RPCs.
  double behaviour_penalty_weight = -10;  ///< <= 0
  double behaviour_penalty_threshold = 0;
  double behaviour_penalty_decay = 0.97;

  // Every counter is multiplied by its decay once an interval, and is 0 below decay_to_zero.
  base::Duration decay_interval = std::chrono::seconds(1);  ///< at least 1 s
  double decay_to_zero = 0.01;
  /// How long it is remembered what a peer that has gone did wrong.
  base::Duration retain_score = std::chrono::hours(1);
  /// Peers gone of which that is remembered; those that were to be forgotten next give way.
  std::size_t retained_max = 4096;

  /// Null if the topic does not count.
  const TopicScoreParams* of_topic(const std::string& topic) const;
};

/// kBadThresholds, kBadTopicScoreParams or kBadScoreParams.
base::Result<> validate(const ScoreThresholds& thresholds);
base::Result<> validate(const TopicScoreParams& params);
base::Result<> validate(const ScoreParams& params);

}  // namespace libp2p::gossipsub
