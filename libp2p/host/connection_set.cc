#include "libp2p/host/connection_set.h"

#include "libp2p/core/error.h"

#include <algorithm>

namespace libp2p {

namespace {

bool is_open(const std::shared_ptr<HostConnection>& connection) { return !connection->is_closed(); }

}  // namespace

base::Result<> ConnectionSet::may_add(const multiformats::PeerId& peer) const {
  if (!has_room()) return Error::kTooManyConnections;
  const auto found = peers_.find(peer);
  if (found != peers_.end() && found->second.connections.size() >= limits_.per_peer_max) {
    return Error::kTooManyConnections;
  }
  return {};
}

void ConnectionSet::add(std::shared_ptr<HostConnection> connection) {
  Peer& peer = peers_[connection->remote_peer()];
  if (!peer.streams) peer.streams = std::make_shared<StreamBudget>(limits_.streams_per_peer_max, streams_);
  connection->set_stream_budget(peer.streams);
  peer.connections.push_back(std::move(connection));
  ++size_;
}

void ConnectionSet::remove(const std::shared_ptr<HostConnection>& connection) {
  const auto found = peers_.find(connection->remote_peer());
  if (found == peers_.end()) return;
  size_ -= std::erase(found->second.connections, connection);
  if (found->second.connections.empty()) peers_.erase(found);
}

std::shared_ptr<HostConnection> ConnectionSet::find(const multiformats::PeerId& peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return nullptr;
  const auto open = std::ranges::find_if(found->second.connections, is_open);
  return open == found->second.connections.end() ? nullptr : *open;
}

std::vector<std::shared_ptr<Connection>> ConnectionSet::open() const {
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [id, peer] : peers_) std::ranges::copy_if(peer.connections, std::back_inserter(all), is_open);
  return all;
}

std::vector<std::shared_ptr<Connection>> ConnectionSet::open_to(const multiformats::PeerId& peer) const {
  std::vector<std::shared_ptr<Connection>> all;
  const auto found = peers_.find(peer);
  if (found != peers_.end()) std::ranges::copy_if(found->second.connections, std::back_inserter(all), is_open);
  return all;
}

std::vector<multiformats::PeerId> ConnectionSet::peers() const {
  std::vector<multiformats::PeerId> all;
  for (const auto& [id, peer] : peers_) {
    if (std::ranges::any_of(peer.connections, is_open)) all.push_back(id);
  }
  return all;
}

}  // namespace libp2p
