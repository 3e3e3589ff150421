// The connections of a host: which there are, and which of them serves a peer.
#pragma once

#include "libp2p/host/host_connection.h"

#include <map>
#include <memory>
#include <vector>

namespace libp2p {

struct ConnectionLimits {
  std::size_t connections_max;
  std::size_t per_peer_max;
  std::size_t streams_max;
  std::size_t streams_per_peer_max;
};

/// Not thread-safe. Holds connections from the end of their handshake to the end of their last coroutine.
class ConnectionSet {
 public:
  explicit ConnectionSet(const ConnectionLimits& limits)
      : limits_(limits), streams_(std::make_shared<StreamBudget>(limits.streams_max)) {}

  /// Whether there is room for one more, besides `pending` others.
  bool has_room(std::size_t pending = 0) const { return size_ + pending < limits_.connections_max; }
  /// Error::kTooManyConnections if there is no room for another connection to `peer`.
  base::Result<> may_add(const multiformats::PeerId& peer) const;
  /// Bounds the streams of the connection too.
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
  bool contains(const multiformats::PeerId& peer) const { return peers_.contains(peer); }

 private:
  struct Peer {
    std::vector<std::shared_ptr<HostConnection>> connections;  ///< oldest first, never none
    std::shared_ptr<StreamBudget> streams;
  };

  ConnectionLimits limits_;
  std::shared_ptr<StreamBudget> streams_;
  std::size_t size_ = 0;
  std::map<multiformats::PeerId, Peer> peers_;
};

}  // namespace libp2p
