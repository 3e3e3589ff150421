#include "libp2p/protocols/gossipsub/peer_score.h"

#include <algorithm>

namespace libp2p::gossipsub {

namespace {

using multiformats::PeerId;

/// Decay intervals that are caught up with at once: after a longer pause the counters are near 0 anyway.
constexpr int kDecaysAtOnceMax = 600;

/// An IPv6 /64 counts as one address.
boost::asio::ip::address network_of(const boost::asio::ip::address& address) {
  if (address.is_v4()) return address;
  auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6);
  auto bytes = v6.to_bytes();
  std::fill(bytes.begin() + 8, bytes.end(), 0);
  return boost::asio::ip::address_v6(bytes);
}

double square(double value) { return value * value; }

}  // namespace

double PeerScore::TopicStats::deficit(const TopicScoreParams& params) const {
  if (!mesh_deliveries_active) return 0;
  return std::max(0.0, params.mesh_message_deliveries_threshold - mesh_deliveries);
}

bool PeerScore::TopicStats::is_blank() const {
  return !in_mesh_since && first_deliveries == 0 && mesh_deliveries == 0 && mesh_failures == 0 && invalid == 0;
}

void PeerScore::add_peer(const PeerId& peer, std::optional<boost::asio::ip::address> address) {
  Peer& state = peers_[peer];
  if (state.expires) {
    const auto [begin, end] = retained_.equal_range(*state.expires);
    const auto found = std::find_if(begin, end, [&peer](const auto& each) { return each.second == peer; });
    if (found != end) retained_.erase(found);
    state.expires.reset();
  }
  leave_network(state);
  if (!address || (address->is_loopback() && !params_.ip_colocation_counts_loopback)) return;
  state.network = network_of(*address);
  ++networks_[*state.network];
}

void PeerScore::leave_network(Peer& peer) {
  if (!peer.network) return;
  const auto found = networks_.find(*peer.network);
  if (--found->second == 0) networks_.erase(found);
  peer.network.reset();
}

void PeerScore::remove_peer(const PeerId& peer, base::TimePoint now) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || found->second.expires) return;
  Peer& state = found->second;
  leave_network(state);
  // What it did wrong stays with it; what it did well does not.
  for (auto& [topic, stats] : state.topics) {
    prune(peer, topic);
    stats.first_deliveries = 0;
    stats.mesh_deliveries = 0;
  }
  std::erase_if(state.topics, [](const auto& each) { return each.second.is_blank(); });
  if ((state.topics.empty() && state.behaviour == 0) || params_.retained_max == 0) {
    peers_.erase(found);
    return;
  }
  state.expires = now + params_.retain_score;
  retained_.emplace(*state.expires, peer);
  if (retained_.size() <= params_.retained_max) return;
  peers_.erase(retained_.begin()->second);
  retained_.erase(retained_.begin());
}

PeerScore::TopicStats* PeerScore::stats(const PeerId& peer, const std::string& topic) {
  const auto found = peers_.find(peer);
  if (found == peers_.end() || !params_.of_topic(topic)) return nullptr;
  return &found->second.topics[topic];
}

void PeerScore::graft(const PeerId& peer, const std::string& topic, base::TimePoint now) {
  TopicStats* const stats = this->stats(peer, topic);
  if (!stats) return;
  stats->in_mesh_since = now;
  stats->mesh_time = {};
  stats->mesh_deliveries_active = false;
}

void PeerScore::prune(const PeerId& peer, const std::string& topic) {
  TopicStats* const stats = this->stats(peer, topic);
  if (!stats || !stats->in_mesh_since) return;
  stats->mesh_failures += square(stats->deficit(*params_.of_topic(topic)));
  stats->in_mesh_since.reset();
  stats->mesh_deliveries_active = false;
}

void PeerScore::count_mesh_delivery(TopicStats& stats, const TopicScoreParams& params) const {
  if (!stats.in_mesh_since) return;
  stats.mesh_deliveries = std::min(stats.mesh_deliveries + 1, params.mesh_message_deliveries_cap);
}

void PeerScore::first_delivery(const PeerId& peer, const std::string& topic) {
  TopicStats* const stats = this->stats(peer, topic);
  if (!stats) return;
  const TopicScoreParams& params = *params_.of_topic(topic);
  stats->first_deliveries = std::min(stats->first_deliveries + 1, params.first_message_deliveries_cap);
  count_mesh_delivery(*stats, params);
}

void PeerScore::near_first_delivery(const PeerId& peer, const std::string& topic) {
  if (TopicStats* const stats = this->stats(peer, topic)) count_mesh_delivery(*stats, *params_.of_topic(topic));
}

void PeerScore::invalid_message(const PeerId& peer, const std::string& topic) {
  if (TopicStats* const stats = this->stats(peer, topic)) ++stats->invalid;
}

void PeerScore::misbehaved(const PeerId& peer, double times) {
  const auto found = peers_.find(peer);
  if (found != peers_.end()) found->second.behaviour += times;
}

void PeerScore::refresh(base::TimePoint now) {
  if (!next_decay_) next_decay_ = now + params_.decay_interval;
  for (int times = 0; now >= *next_decay_ && times < kDecaysAtOnceMax; ++times) {
    for (auto& [peer, state] : peers_) {
      // What is remembered of a peer that has gone does not get better by its staying away.
      if (!state.expires) decay(state, *next_decay_);
    }
    *next_decay_ += params_.decay_interval;
  }
  if (now >= *next_decay_) next_decay_ = now + params_.decay_interval;
  forget_expired(now);
}

void PeerScore::decay(Peer& peer, base::TimePoint now) const {
  const auto shrink = [this](double& counter, double factor) {
    counter *= factor;
    if (counter < params_.decay_to_zero) counter = 0;
  };
  shrink(peer.behaviour, params_.behaviour_penalty_decay);
  for (auto at = peer.topics.begin(); at != peer.topics.end();) {
    const TopicScoreParams& params = *params_.of_topic(at->first);
    TopicStats& stats = at->second;
    shrink(stats.first_deliveries, params.first_message_deliveries_decay);
    shrink(stats.mesh_deliveries, params.mesh_message_deliveries_decay);
    shrink(stats.mesh_failures, params.mesh_failure_penalty_decay);
    shrink(stats.invalid, params.invalid_message_deliveries_decay);
    if (stats.in_mesh_since) {
      stats.mesh_time = std::max(now - *stats.in_mesh_since, base::Duration::zero());
      if (stats.mesh_time > params.mesh_message_deliveries_activation) stats.mesh_deliveries_active = true;
    }
    at = stats.is_blank() ? peer.topics.erase(at) : std::next(at);
  }
}

void PeerScore::forget_expired(base::TimePoint now) {
  while (!retained_.empty() && retained_.begin()->first <= now) {
    peers_.erase(retained_.begin()->second);
    retained_.erase(retained_.begin());
  }
}

double PeerScore::topics_score(const Peer& peer) const {
  double sum = 0;
  for (const auto& [topic, stats] : peer.topics) {
    const TopicScoreParams& params = *params_.of_topic(topic);
    double score = 0;
    if (stats.in_mesh_since) {
      const double quanta = static_cast<double>(stats.mesh_time / params.time_in_mesh_quantum);
      score += params.time_in_mesh_weight * std::min(quanta, params.time_in_mesh_cap);
    }
    score += params.first_message_deliveries_weight * stats.first_deliveries;
    score += params.mesh_message_deliveries_weight * square(stats.deficit(params));
    score += params.mesh_failure_penalty_weight * stats.mesh_failures;
    score += params.invalid_message_deliveries_weight * square(stats.invalid);
    sum += params.topic_weight * score;
  }
  return params_.topic_score_cap > 0 ? std::min(sum, params_.topic_score_cap) : sum;
}

double PeerScore::colocation(const Peer& peer) const {
  if (!peer.network) return 0;
  const std::size_t peers = networks_.at(*peer.network);
  if (peers <= params_.ip_colocation_factor_threshold) return 0;
  return square(static_cast<double>(peers - params_.ip_colocation_factor_threshold));
}

double PeerScore::score(const PeerId& peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return 0;
  const Peer& state = found->second;
  double sum = topics_score(state);
  if (params_.app_specific_score) sum += params_.app_specific_weight * params_.app_specific_score(peer);
  sum += params_.ip_colocation_factor_weight * colocation(state);
  const double surplus = std::max(0.0, state.behaviour - params_.behaviour_penalty_threshold);
  return sum + params_.behaviour_penalty_weight * square(surplus);
}

}  // namespace libp2p::gossipsub
