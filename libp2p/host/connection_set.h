// The connections of a host: which there are, and which of them serves a peer.
#pragma once

#include "libp2p/host/host_connection.h"

#include <map>
#include <memory>
#include <vector>

namespace libp2p {

/// Connections to one peer, both ways. More than one arises when both sides dial at once, or on purpose.
inline constexpr std::size_t kConnectionsPerPeerMax = 16;

/// Not thread-safe. Holds connections from the end of their handshake to the end of their last coroutine.
class ConnectionSet {
 public:
  explicit ConnectionSet(std::size_t connections_max) : connections_max_(connections_max) {}

  /// Whether there is room for one more, `pending` counted in.
  bool has_room(std::size_t pending = 0) const { return size_ + pending < connections_max_; }
  /// Error::kTooManyConnections if there is no room for another connection to `peer`.
  base::Result<> may_add(const multiformats::PeerId& peer) const;
  void add(std::shared_ptr<HostConnection> connection);
  void remove(const std::shared_ptr<HostConnection>& connection);

  /// The connection to use for `peer`, or null.
  std::shared_ptr<HostConnection> find(const multiformats::PeerId& peer) const;
  /// Those that are not closed.
  std::vector<std::shared_ptr<Connection>> open() const;
  std::vector<std::shared_ptr<Connection>> open_to(const multiformats::PeerId& peer) const;
  /// The peers of open().
  std::vector<multiformats::PeerId> peers() const;
  /// Whether any connection to `peer` is left, closed or not.
  bool contains(const multiformats::PeerId& peer) const { return by_peer_.contains(peer); }

 private:
  std::size_t connections_max_;
  std::size_t size_ = 0;
  /// Oldest first; no peer without connections.
  std::map<multiformats::PeerId, std::vector<std::shared_ptr<HostConnection>>> by_peer_;
};

}  // namespace libp2p
