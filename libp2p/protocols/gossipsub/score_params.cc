#include "libp2p/protocols/gossipsub/score_params.h"

#include "libp2p/protocols/gossipsub/error.h"

#include <cmath>

namespace libp2p::gossipsub {

namespace {

using std::chrono::seconds;

bool is_reward(double weight) { return std::isfinite(weight) && weight >= 0; }
bool is_penalty(double weight) { return std::isfinite(weight) && weight <= 0; }
bool is_decay(double factor) { return factor > 0 && factor < 1; }
bool is_count(double value) { return std::isfinite(value) && value >= 0; }

}  // namespace

const TopicScoreParams* ScoreParams::of_topic(const std::string& topic) const {
  const auto found = topics.find(topic);
  if (found != topics.end()) return &found->second;
  return other_topics ? &*other_topics : nullptr;
}

base::Result<> validate(const ScoreThresholds& t) {
  const bool in_order = t.graylist <= t.publish && t.publish <= t.gossip && t.gossip < 0;
  if (!in_order || !std::isfinite(t.graylist)) return Errc::kBadThresholds;
  if (!is_count(t.accept_px) || !is_count(t.opportunistic_graft)) return Errc::kBadThresholds;
  return {};
}

base::Result<> validate(const TopicScoreParams& p) {
  const bool weights = is_reward(p.topic_weight) && is_reward(p.time_in_mesh_weight) &&
                       is_reward(p.first_message_deliveries_weight) && is_penalty(p.mesh_message_deliveries_weight) &&
                       is_penalty(p.mesh_failure_penalty_weight) && is_penalty(p.invalid_message_deliveries_weight);
  const bool decays = is_decay(p.first_message_deliveries_decay) && is_decay(p.mesh_message_deliveries_decay) &&
                      is_decay(p.mesh_failure_penalty_decay) && is_decay(p.invalid_message_deliveries_decay);
  const bool caps = is_count(p.time_in_mesh_cap) && is_count(p.first_message_deliveries_cap) &&
                    is_count(p.mesh_message_deliveries_threshold) &&
                    p.mesh_message_deliveries_cap >= p.mesh_message_deliveries_threshold;
  const bool times = p.time_in_mesh_quantum > base::Duration::zero() &&
                     p.mesh_message_deliveries_window >= base::Duration::zero() &&
                     p.mesh_message_deliveries_activation >= seconds(1);
  if (!weights || !decays || !caps || !times) return Errc::kBadTopicScoreParams;
  return {};
}

base::Result<> validate(const ScoreParams& p) {
  for (const auto& [topic, params] : p.topics) {
    if (auto valid = validate(params); !valid) return valid;
  }
  if (p.other_topics) {
    if (auto valid = validate(*p.other_topics); !valid) return valid;
  }
  const bool weights = is_count(p.topic_score_cap) && is_reward(p.app_specific_weight) &&
                       is_penalty(p.ip_colocation_factor_weight) && is_penalty(p.behaviour_penalty_weight);
  const bool counts = p.ip_colocation_factor_threshold > 0 && is_count(p.behaviour_penalty_threshold);
  const bool decay = is_decay(p.behaviour_penalty_decay) && p.decay_interval >= seconds(1) && p.decay_to_zero > 0 &&
                     p.decay_to_zero < 1 && p.retain_score >= base::Duration::zero();
  if (!weights || !counts || !decay) return Errc::kBadScoreParams;
  return {};
}

}  // namespace libp2p::gossipsub
