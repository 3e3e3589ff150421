#include "libp2p/protocols/gossipsub/mesh.h"

#include <algorithm>
#include <utility>

namespace libp2p::gossipsub {

using multiformats::PeerId;

namespace {

/// Topics that messages were published to without a subscription; with more, the one longest unused is forgotten.
constexpr std::size_t kFanoutsMax = 1024;

std::uint64_t in_seconds(base::Duration time) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

}  // namespace

const Mesh::Peers& Mesh::members(const std::string& topic) const {
  static const Peers kNone;
  const auto found = meshes_.find(topic);
  return found == meshes_.end() ? kNone : found->second;
}

bool Mesh::is_outbound(const PeerId& peer) const {
  const PeerState* const state = state_.peers.find(peer);
  return state && state->traits.is_outbound;
}

bool Mesh::is_backing_off(const std::string& topic, const PeerId& peer, base::TimePoint now) const {
  const auto until = state_.backoff.until(topic, peer);
  // Slack for the other side's clock and heartbeat.
  return until && now < *until + 2 * state_.mesh.heartbeat_interval;
}

template <class Wanted>
Mesh::Candidates Mesh::candidates(const std::string& topic, const Peers& members, base::TimePoint now,
                                  Wanted wanted) const {
  Candidates result;
  for (const PeerId& peer : state_.peers.of_topic(topic)) {
    if (members.contains(peer) || is_backing_off(topic, peer, now)) continue;
    if (state_.score.score(peer) >= 0 && wanted(peer)) result.push_back(peer);
  }
  return result;
}

// Our own subscriptions.

void Mesh::join(const std::string& topic, base::TimePoint now) {
  const auto [found, is_new] = meshes_.try_emplace(topic);
  if (!is_new) return;
  Peers& members = found->second;
  if (const auto fanout = fanouts_.find(topic); fanout != fanouts_.end()) {
    const Peers& known = fanout->second.peers;
    auto first = candidates(topic, members, now, [&known](const PeerId& peer) { return known.contains(peer); });
    graft_some(topic, members, std::move(first), state_.mesh.d, now);
    fanouts_.erase(fanout);
  }
  if (members.size() >= state_.mesh.d) return;
  auto others = candidates(topic, members, now, [](const PeerId&) { return true; });
  graft_some(topic, members, std::move(others), state_.mesh.d - members.size(), now);
}

void Mesh::leave(const std::string& topic, base::TimePoint now) {
  const auto found = meshes_.find(topic);
  if (found == meshes_.end()) return;
  for (const PeerId& peer : found->second) {
    state_.score.prune(peer, topic);
    send_prune(peer, topic, state_.mesh.unsubscribe_backoff, false, now);
  }
  meshes_.erase(found);
}

// Single peers.

void Mesh::add(const PeerId& peer, const std::string& topic, Peers& members, base::TimePoint now) {
  members.insert(peer);
  newcomers_[topic].insert(peer);
  state_.score.graft(peer, topic, now);
}

void Mesh::graft(const PeerId& peer, const std::string& topic, Peers& members, base::TimePoint now) {
  add(peer, topic, members, now);
  state_.out.control(peer).graft.push_back(topic);
}

void Mesh::graft_some(const std::string& topic, Peers& members, Candidates from, std::size_t count,
                      base::TimePoint now) {
  state_.choose(from, count);
  for (const PeerId& peer : from) graft(peer, topic, members, now);
}

void Mesh::prune(const PeerId& peer, const std::string& topic, Peers& members, base::TimePoint now) {
  const bool suggests_peers = state_.score.score(peer) >= 0;
  members.erase(peer);
  state_.score.prune(peer, topic);
  send_prune(peer, topic, state_.mesh.prune_backoff, suggests_peers, now);
}

void Mesh::send_prune(const PeerId& peer, const std::string& topic, base::Duration backoff, bool suggests_peers,
                      base::TimePoint now) {
  state_.backoff.add(topic, peer, now + backoff);
  Prune message{.topic = topic, .backoff_s = in_seconds(backoff)};
  if (suggests_peers) message.peers = peers_to_suggest(topic, peer);
  state_.out.control(peer).prune.push_back(std::move(message));
}

std::vector<PrunePeer> Mesh::peers_to_suggest(const std::string& topic, const PeerId& to) {
  std::vector<PrunePeer> result;
  if (state_.mesh.prune_peers == 0) return result;
  Candidates peers;
  for (const PeerId& peer : state_.peers.of_topic(topic)) {
    if (peer != to && state_.score.score(peer) >= 0) peers.push_back(peer);
  }
  state_.choose(peers, state_.mesh.prune_peers);
  for (const PeerId& peer : peers) result.push_back({peer, {}});
  return result;
}

void Mesh::peer_unsubscribed(const PeerId& peer, const std::string& topic) {
  const auto found = meshes_.find(topic);
  if (found != meshes_.end() && found->second.erase(peer) > 0) state_.score.prune(peer, topic);
  const auto fanout = fanouts_.find(topic);
  if (fanout != fanouts_.end()) fanout->second.peers.erase(peer);
}

void Mesh::remove_peer(const PeerId& peer) {
  for (auto& [topic, members] : meshes_) {
    if (members.erase(peer) > 0) state_.score.prune(peer, topic);
  }
  for (auto& [topic, fanout] : fanouts_) fanout.peers.erase(peer);
}

// What peers ask for.

void Mesh::handle_graft(const PeerId& peer, const std::string& topic, base::TimePoint now) {
  const auto found = meshes_.find(topic);
  // No answer for a topic that is not ours: nobody is to make us send what he likes.
  if (found == meshes_.end() || found->second.contains(peer)) return;
  const auto backoff = state_.backoff.until(topic, peer);
  if (backoff && now < *backoff) {
    state_.score.misbehaved(peer);
    const base::TimePoint pruned = *backoff - state_.mesh.prune_backoff;
    if (now < pruned + state_.mesh.graft_flood_threshold) state_.score.misbehaved(peer);
    send_prune(peer, topic, state_.mesh.prune_backoff, false, now);
    return;
  }
  const bool is_full = found->second.size() >= state_.mesh.d_high && !is_outbound(peer);
  const bool is_welcome = state_.score.score(peer) >= 0;
  if (is_full || !is_welcome) {
    send_prune(peer, topic, state_.mesh.prune_backoff, is_welcome, now);
    return;
  }
  add(peer, topic, found->second, now);
}

std::vector<PrunePeer> Mesh::handle_prune(const PeerId& peer, Prune prune, base::TimePoint now) {
  const auto found = meshes_.find(prune.topic);
  if (found == meshes_.end()) return {};
  if (found->second.erase(peer) > 0) state_.score.prune(peer, prune.topic);
  base::Duration backoff = state_.mesh.prune_backoff;
  if (prune.backoff_s && *prune.backoff_s > 0) {
    const std::uint64_t wanted = std::min(*prune.backoff_s, in_seconds(state_.mesh.backoff_max));
    backoff = std::chrono::seconds(wanted);
  }
  state_.backoff.add(prune.topic, peer, now + backoff);
  if (state_.score.score(peer) < state_.thresholds.accept_px) return {};
  return std::move(prune.peers);
}

// The heartbeat.

void Mesh::heartbeat(base::TimePoint now) {
  state_.backoff.forget(now - 2 * state_.mesh.heartbeat_interval);
  if (!next_opportunistic_graft_) next_opportunistic_graft_ = now + state_.mesh.opportunistic_graft_interval;
  const bool is_opportunity = now >= *next_opportunistic_graft_;
  if (is_opportunity) next_opportunistic_graft_ = now + state_.mesh.opportunistic_graft_interval;
  for (auto& [topic, members] : meshes_) {
    maintain(topic, members, now);
    if (is_opportunity) graft_opportunistically(topic, members, now);
  }
  maintain_fanout(now);
}

void Mesh::maintain(const std::string& topic, Peers& members, base::TimePoint now) {
  for (const PeerId& peer : Candidates(members.begin(), members.end())) {
    if (state_.score.score(peer) < 0) prune(peer, topic, members, now);
  }
  if (members.size() < state_.mesh.d_low) {
    auto all = candidates(topic, members, now, [](const PeerId&) { return true; });
    graft_some(topic, members, std::move(all), state_.mesh.d - members.size(), now);
  }
  if (members.size() > state_.mesh.d_high) trim(topic, members, now);
  if (members.size() >= state_.mesh.d_low) fill_outbound_quota(topic, members, now);
}

void Mesh::trim(const std::string& topic, Peers& members, base::TimePoint now) {
  // The best by score first, the others in random order.
  std::vector<std::pair<double, PeerId>> order;
  for (const PeerId& peer : members) order.emplace_back(state_.score.score(peer), peer);
  std::shuffle(order.begin(), order.end(), state_.random);
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto at = [&order](std::size_t index) { return order.begin() + static_cast<std::ptrdiff_t>(index); };
  std::shuffle(at(state_.mesh.d_score), order.end(), state_.random);

  // Enough that we have dialled: they take the places of the last ones that are kept.
  const auto outbound = [this](const auto& each) { return is_outbound(each.second); };
  auto kept = static_cast<std::size_t>(std::count_if(order.begin(), at(state_.mesh.d), outbound));
  std::size_t place = state_.mesh.d;
  for (std::size_t other = state_.mesh.d; other < order.size() && kept < state_.mesh.d_out; ++other) {
    if (!outbound(order[other])) continue;
    do --place;
    while (place > 0 && outbound(order[place]));
    std::swap(order[place], order[other]);
    ++kept;
  }
  for (std::size_t i = state_.mesh.d; i < order.size(); ++i) prune(order[i].second, topic, members, now);
}

void Mesh::fill_outbound_quota(const std::string& topic, Peers& members, base::TimePoint now) {
  const auto outbound = [this](const PeerId& peer) { return is_outbound(peer); };
  const auto count = static_cast<std::size_t>(std::count_if(members.begin(), members.end(), outbound));
  if (count >= state_.mesh.d_out) return;
  graft_some(topic, members, candidates(topic, members, now, outbound), state_.mesh.d_out - count, now);
}

void Mesh::graft_opportunistically(const std::string& topic, Peers& members, base::TimePoint now) {
  if (members.size() < 2) return;
  std::vector<double> scores;
  for (const PeerId& peer : members) scores.push_back(state_.score.score(peer));
  std::sort(scores.begin(), scores.end());
  const double median = scores[scores.size() / 2];
  if (median >= state_.thresholds.opportunistic_graft) return;
  const auto is_better = [this, median](const PeerId& peer) { return state_.score.score(peer) > median; };
  graft_some(topic, members, candidates(topic, members, now, is_better), state_.mesh.opportunistic_graft_peers, now);
}

// Topics that messages are published to without a subscription.

const Mesh::Peers& Mesh::fanout(const std::string& topic, base::TimePoint now) {
  if (fanouts_.size() >= kFanoutsMax && !fanouts_.contains(topic)) {
    const auto older = [](const auto& a, const auto& b) { return a.second.published < b.second.published; };
    fanouts_.erase(std::min_element(fanouts_.begin(), fanouts_.end(), older));
  }
  Fanout& fanout = fanouts_[topic];
  fanout.published = now;
  if (fanout.peers.empty()) fill_fanout(topic, fanout);
  return fanout.peers;
}

void Mesh::fill_fanout(const std::string& topic, Fanout& fanout) {
  Candidates others;
  for (const PeerId& peer : state_.peers.of_topic(topic)) {
    if (!fanout.peers.contains(peer) && state_.score.score(peer) >= state_.thresholds.publish) others.push_back(peer);
  }
  state_.choose(others, state_.mesh.d - std::min(state_.mesh.d, fanout.peers.size()));
  fanout.peers.insert(others.begin(), others.end());
}

void Mesh::maintain_fanout(base::TimePoint now) {
  std::erase_if(fanouts_, [&](const auto& each) { return now - each.second.published > state_.mesh.fanout_ttl; });
  for (auto& [topic, fanout] : fanouts_) {
    std::erase_if(fanout.peers,
                  [this](const PeerId& peer) { return state_.score.score(peer) < state_.thresholds.publish; });
    if (fanout.peers.size() < state_.mesh.d) fill_fanout(topic, fanout);
  }
}

}  // namespace libp2p::gossipsub
