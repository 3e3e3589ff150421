#include "libp2p/protocols/gossipsub/gossip.h"

#include <algorithm>
#include <cmath>

namespace libp2p::gossipsub {

using multiformats::PeerId;

Gossip::Gossip(RouterState& state)
    : state_(state), cache_(state.mesh.history_windows, state.mesh.gossip_windows, state.limits.cache_bytes_max) {}

bool Gossip::may_gossip(const PeerId& peer) const {
  return state_.peers.find(peer) && state_.score.score(peer) >= state_.thresholds.gossip;
}

bool Gossip::count_ihave(const PeerId& peer) {
  PeerState& state = *state_.peers.find(peer);
  return ++state.ihaves <= state_.limits.ihaves_max;
}

void Gossip::ask(const PeerId& peer, std::vector<MessageId> ids, base::TimePoint now) {
  PeerState& state = *state_.peers.find(peer);
  state_.choose(ids, state_.limits.ihave_ids_max - std::min(state_.limits.ihave_ids_max, state.ids_asked));
  if (ids.empty()) return;
  state.ids_asked += ids.size();
  // In random order by now: any one of them stands for all.
  promises_.add(ids.front(), peer, now + state_.mesh.iwant_followup);
  auto& iwant = state_.out.control(peer).iwant;
  iwant.insert(iwant.end(), ids.begin(), ids.end());
}

void Gossip::handle_iwant(const PeerId& peer, const std::vector<MessageId>& ids) {
  if (!may_gossip(peer)) return;
  for (const MessageId& id : std::set<MessageId>(ids.begin(), ids.end())) {
    const auto message = cache_.get_for_peer(id, peer, state_.mesh.gossip_retransmission);
    if (message) state_.out.message(peer, *message);
  }
}

void Gossip::handle_idontwant(const PeerId& peer, const std::vector<MessageId>& ids) {
  PeerState* const state = state_.peers.find(peer);
  if (!state) return;
  for (const MessageId& id : ids) {
    if (++state->idontwants > state_.limits.idontwant_ids_max) return;
    state->unwanted.add(id);
  }
}

void Gossip::emit(const std::string& topic, const std::set<PeerId>& except) {
  const std::vector<MessageId> ids = cache_.gossip_ids(topic);
  if (ids.empty()) return;
  std::vector<PeerId> peers;
  for (const PeerId& peer : state_.peers.of_topic(topic)) {
    if (!except.contains(peer) && may_gossip(peer)) peers.push_back(peer);
  }
  const auto share = static_cast<std::size_t>(state_.mesh.gossip_factor * static_cast<double>(peers.size()));
  state_.choose(peers, std::max(state_.mesh.d_lazy, share));
  for (const PeerId& peer : peers) {
    // Different ones for each if there are too many for one: together they still tell of all.
    std::vector<MessageId> told = ids;
    if (told.size() > state_.limits.ihave_ids_max) state_.choose(told, state_.limits.ihave_ids_max);
    state_.out.control(peer).ihave.push_back({topic, std::move(told)});
  }
}

void Gossip::announce_unwanted(const MessageId& id, const std::set<PeerId>& peers, const PeerId& except) {
  for (const PeerId& peer : peers) {
    const PeerState* const state = state_.peers.find(peer);
    if (peer == except || !state || !state->takes_idontwant) continue;
    state_.out.control(peer).idontwant.push_back(id);
  }
}

void Gossip::begin_heartbeat(base::TimePoint now) {
  for (const auto& [peer, count] : promises_.broken(now)) state_.score.misbehaved(peer, static_cast<double>(count));
  for (auto& [peer, state] : state_.peers.all()) {
    state.ihaves = 0;
    state.ids_asked = 0;
    state.idontwants = 0;
    state.unwanted.shift();
  }
}

}  // namespace libp2p::gossipsub
