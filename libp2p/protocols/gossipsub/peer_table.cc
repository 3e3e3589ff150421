#include "libp2p/protocols/gossipsub/peer_table.h"

#include <algorithm>

namespace libp2p::gossipsub {

using multiformats::PeerId;

bool UnwantedIds::contains(const MessageId& id) const {
  return std::any_of(windows_.begin(), windows_.end(), [&id](const auto& window) { return window.contains(id); });
}

void UnwantedIds::shift() {
  std::rotate(windows_.begin(), windows_.end() - 1, windows_.end());
  windows_.front().clear();
}

void PeerTable::add(const PeerId& peer, PeerTraits traits) {
  peers_.try_emplace(peer, limits_).first->second.traits = std::move(traits);
}

void PeerTable::remove(const PeerId& peer) {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return;
  const std::set<std::string> topics = found->second.topics;
  for (const std::string& topic : topics) unsubscribe(peer, topic);
  peers_.erase(found);
}

bool PeerTable::subscribe(const PeerId& peer, const std::string& topic) {
  PeerState* const state = find(peer);
  if (!state || state->topics.size() >= limits_.topics_per_peer_max) return false;
  if (!state->topics.insert(topic).second) return false;
  topics_[topic].insert(peer);
  return true;
}

bool PeerTable::unsubscribe(const PeerId& peer, const std::string& topic) {
  PeerState* const state = find(peer);
  if (!state || state->topics.erase(topic) == 0) return false;
  const auto found = topics_.find(topic);
  found->second.erase(peer);
  if (found->second.empty()) topics_.erase(found);
  return true;
}

PeerState* PeerTable::find(const PeerId& peer) {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

const PeerState* PeerTable::find(const PeerId& peer) const {
  const auto found = peers_.find(peer);
  return found == peers_.end() ? nullptr : &found->second;
}

const std::set<PeerId>& PeerTable::of_topic(const std::string& topic) const {
  static const std::set<PeerId> kNone;
  const auto found = topics_.find(topic);
  return found == topics_.end() ? kNone : found->second;
}

}  // namespace libp2p::gossipsub
