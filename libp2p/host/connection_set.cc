#include "libp2p/host/connection_set.h"

#include "libp2p/core/error.h"

#include <algorithm>

namespace libp2p {

base::Result<> ConnectionSet::may_add(const multiformats::PeerId& peer, std::size_t others,
                                      std::size_t others_to_peer) const {
  if (!has_room(others)) return Error::kTooManyConnections;
  const auto found = peers_.find(peer);
  const std::size_t to_peer = found == peers_.end() ? 0 : found->second.entries.size();
  if (to_peer + others_to_peer >= limits_.per_peer_max) return Error::kTooManyConnections;
  return {};
}

void ConnectionSet::add(std::shared_ptr<HostConnection> connection, ConnectionOrigin origin) {
  Peer& peer = peers_[connection->remote_peer()];
  if (!peer.streams) peer.streams = std::make_shared<StreamBudget>(limits_.streams_per_peer_max, streams_);
  connection->set_stream_budget(peer.streams);
  const Entry added{std::move(connection), origin, next_moment()};
  for (const Entry& each : peer.entries) settle_duplicates(each, added);
  peer.entries.push_back(added);
  ++size_;
}

void ConnectionSet::settle_duplicates(const Entry& one, const Entry& other) const {
  if (is_relayed(*one.connection) != is_relayed(*other.connection)) {
    HostConnection& relayed = is_relayed(*one.connection) ? *one.connection : *other.connection;
    const HostConnection& direct = is_relayed(*one.connection) ? *other.connection : *one.connection;
    if (relayed.is_closed() || direct.is_closed()) return;
    relayed.supersede();
    relayed.close_when_idle(kDuplicateGrace);
    return;
  }
  if (one.connection->is_dialler() == other.connection->is_dialler()) return;
  if (one.connection->is_closed() || other.connection->is_closed()) return;
  const Entry& dialled = one.connection->is_dialler() ? one : other;
  const Entry& inbound = one.connection->is_dialler() ? other : one;
  const bool at_once = inbound.origin.began < dialled.up && dialled.origin.began < inbound.up;
  if (!at_once || dialled.origin.on_purpose) return;
  const bool ours_stays = own_id_ < dialled.connection->remote_peer();
  if (ours_stays) {
    inbound.connection->supersede();
  } else {
    dialled.connection->supersede();
    dialled.connection->close_when_idle(kDuplicateGrace);
  }
}

void ConnectionSet::remove(const std::shared_ptr<HostConnection>& connection) {
  const auto found = peers_.find(connection->remote_peer());
  if (found == peers_.end()) return;
  size_ -= std::erase_if(found->second.entries, [&](const Entry& each) { return each.connection == connection; });
  if (found->second.entries.empty()) peers_.erase(found);
}

std::shared_ptr<HostConnection> ConnectionSet::find(const multiformats::PeerId& peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return nullptr;
  std::shared_ptr<HostConnection> duplicate;
  for (const Entry& each : found->second.entries) {
    if (!each.connection->takes_streams()) continue;
    if (!each.connection->is_superseded()) return each.connection;
    if (!duplicate) duplicate = each.connection;
  }
  return duplicate;
}

std::vector<std::shared_ptr<Connection>> ConnectionSet::open() const {
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [id, peer] : peers_) {
    for (const Entry& each : peer.entries) {
      if (!each.connection->is_closed()) all.push_back(each.connection);
    }
  }
  return all;
}

std::vector<std::shared_ptr<Connection>> ConnectionSet::open_to(const multiformats::PeerId& peer) const {
  std::vector<std::shared_ptr<Connection>> all;
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return all;
  for (const Entry& each : found->second.entries) {
    if (!each.connection->is_closed()) all.push_back(each.connection);
  }
  return all;
}

std::vector<multiformats::PeerId> ConnectionSet::peers() const {
  std::vector<multiformats::PeerId> all;
  for (const auto& [id, peer] : peers_) {
    if (!open_to(id).empty()) all.push_back(id);
  }
  return all;
}

}  // namespace libp2p
