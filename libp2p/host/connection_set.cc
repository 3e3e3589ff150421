#include "libp2p/host/connection_set.h"

#include "libp2p/core/error.h"

#include <algorithm>

namespace libp2p {

base::Result<> ConnectionSet::may_add(const multiformats::PeerId& peer) const {
  if (!has_room()) return Error::kTooManyConnections;
  const auto found = by_peer_.find(peer);
  if (found != by_peer_.end() && found->second.size() >= kConnectionsPerPeerMax) return Error::kTooManyConnections;
  return {};
}

void ConnectionSet::add(std::shared_ptr<HostConnection> connection) {
  by_peer_[connection->remote_peer()].push_back(connection);
  ++size_;
}

void ConnectionSet::remove(const std::shared_ptr<HostConnection>& connection) {
  const auto found = by_peer_.find(connection->remote_peer());
  if (found == by_peer_.end()) return;
  size_ -= std::erase(found->second, connection);
  if (found->second.empty()) by_peer_.erase(found);
}

std::shared_ptr<HostConnection> ConnectionSet::find(const multiformats::PeerId& peer) const {
  const auto found = by_peer_.find(peer);
  if (found == by_peer_.end()) return nullptr;
  const auto open = std::ranges::find_if(found->second, [](const auto& each) { return !each->is_closed(); });
  return open == found->second.end() ? nullptr : *open;
}

std::vector<std::shared_ptr<Connection>> ConnectionSet::open() const {
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [peer, connections] : by_peer_) {
    std::ranges::copy_if(connections, std::back_inserter(all), [](const auto& each) { return !each->is_closed(); });
  }
  return all;
}

std::vector<std::shared_ptr<Connection>> ConnectionSet::open_to(const multiformats::PeerId& peer) const {
  std::vector<std::shared_ptr<Connection>> all;
  const auto found = by_peer_.find(peer);
  if (found == by_peer_.end()) return all;
  std::ranges::copy_if(found->second, std::back_inserter(all), [](const auto& each) { return !each->is_closed(); });
  return all;
}

std::vector<multiformats::PeerId> ConnectionSet::peers() const {
  std::vector<multiformats::PeerId> all;
  for (const auto& [peer, connections] : by_peer_) {
    if (find(peer)) all.push_back(peer);
  }
  return all;
}

}  // namespace libp2p
