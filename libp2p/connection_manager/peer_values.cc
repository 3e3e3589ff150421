#include "libp2p/connection_manager/peer_values.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace libp2p {

using multiformats::PeerId;

PeerValues::Entry* PeerValues::entry(const PeerId& peer) {
  if (const auto found = peers_.find(peer); found != peers_.end()) return &found->second;
  if (peers_.size() >= kValuedPeersMax) {
    const auto least = std::ranges::min_element(peers_, {}, [this](const auto& each) {
      return std::pair(!each.second.protections.empty(), worth_of(each.second, latest_));
    });
    if (!least->second.protections.empty()) return nullptr;
    peers_.erase(least);
  }
  return &peers_[peer];
}

void PeerValues::set_tag(const PeerId& peer, const std::string& tag, double value) {
  if (value == 0) {
    if (const auto found = peers_.find(peer); found != peers_.end()) found->second.tags.erase(tag);
    return;
  }
  Entry* known = entry(peer);
  if (known == nullptr || (known->tags.size() >= kTagsPerPeerMax && !known->tags.contains(tag))) return;
  known->tags[tag] = value;
}

double PeerValues::use_of(const Entry& entry, base::TimePoint now) {
  if (entry.use == 0) return 0;
  const double half_lives =
      std::chrono::duration<double>(now - entry.use_at) / std::chrono::duration<double>(kUseHalfLife);
  return entry.use * std::exp2(-half_lives);
}

double PeerValues::worth_of(const Entry& entry, base::TimePoint now) {
  double worth = use_of(entry, now);
  for (const auto& [tag, value] : entry.tags) worth += value;
  return worth;
}

void PeerValues::add_use(const PeerId& peer, double amount, base::TimePoint now) {
  if (amount <= 0) return;
  Entry* known = entry(peer);
  if (known == nullptr) return;
  known->use = use_of(*known, now) + amount;
  known->use_at = now;
  latest_ = std::max(latest_, now);
}

void PeerValues::protect(const PeerId& peer, const std::string& tag) {
  Entry* known = entry(peer);
  if (known != nullptr && known->protections.size() < kTagsPerPeerMax) known->protections.insert(tag);
}

void PeerValues::unprotect(const PeerId& peer, const std::string& tag) {
  if (const auto found = peers_.find(peer); found != peers_.end()) found->second.protections.erase(tag);
}

bool PeerValues::is_protected(const PeerId& peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && !found->second.protections.empty();
}

double PeerValues::value_of(const PeerId& peer, base::TimePoint now) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? 0 : worth_of(found->second, now);
}

std::vector<PeerId> choose_to_close(std::span<const ConnectedPeer> peers, const PeerValues& values,
                                    const Watermarks& marks, base::TimePoint now) {
  std::size_t connections = 0;
  for (const ConnectedPeer& peer : peers) connections += peer.connections;
  std::vector<PeerId> chosen;
  if (connections <= marks.high) return chosen;
  using Worth = std::tuple<double, bool, std::size_t, base::TimePoint>;
  std::vector<std::pair<Worth, const ConnectedPeer*>> candidates;
  for (const ConnectedPeer& peer : peers) {
    if (now - peer.connected_at < marks.grace || values.is_protected(peer.id)) continue;
    candidates.emplace_back(Worth(values.value_of(peer.id, now), peer.is_dialled, peer.streams, peer.connected_at),
                            &peer);
  }
  std::ranges::stable_sort(candidates, {}, [](const auto& each) { return each.first; });
  for (const auto& [worth, peer] : candidates) {
    if (connections <= marks.low) break;
    chosen.push_back(peer->id);
    connections -= std::min(connections, peer->connections);
  }
  return chosen;
}

}  // namespace libp2p
