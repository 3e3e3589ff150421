// The connections of a host: which there are, and which of them serves a peer.
//
// When two peers dial each other at once, both connections come up, and each side must choose the same one. Such a pair
// is one of opposite directions where the inbound connection was accepted before our own dial had ended, and that began
// before the inbound one was up. The one that the peer with the smaller id has dialled stays: find() prefers it.
// Whoever has dialled the other one closes it once no stream has been open on it for kDuplicateGrace; the dialler alone
// knows that it did not mean to have two. Nothing is said about it on the wire, so it works with any implementation.
//
// A connection through a relay gives way to one that needs none in the same manner, and either side closes it.
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

/// For how long at least nothing happens on a duplicate before it is closed. Long enough for the other side to have
/// learned of the connection that stays, and for streams that it has opened meanwhile to arrive.
inline constexpr base::Duration kDuplicateGrace = std::chrono::seconds(5);

/// How a connection came about.
struct ConnectionOrigin {
  /// ConnectionSet::next_moment() when it was accepted, or its dial begun.
  std::uint64_t began = 0;
  /// Dialled although there was another.
  bool on_purpose = false;
};

/// Not thread-safe. Holds connections from the end of their handshake to the end of their last coroutine.
class ConnectionSet {
 public:
  ConnectionSet(multiformats::PeerId own_id, const ConnectionLimits& limits)
      : own_id_(own_id), limits_(limits), streams_(std::make_shared<StreamBudget>(limits.streams_max)) {}

  /// Whether there is room for one more, besides `pending` others.
  bool has_room(std::size_t pending = 0) const { return size_ + pending < limits_.connections_max; }
  /// Error::kTooManyConnections if there is no room for another connection to `peer`, besides `others` that are not of
  /// this set, of which `others_to_peer` are the peer's.
  base::Result<> may_add(const multiformats::PeerId& peer, std::size_t others = 0,
                         std::size_t others_to_peer = 0) const;
  /// Bounds the streams of the connection too, and settles which of two duplicates stays.
  void add(std::shared_ptr<HostConnection> connection, ConnectionOrigin origin);
  void remove(const std::shared_ptr<HostConnection>& connection);

  /// A count that grows, to tell what was before what.
  std::uint64_t next_moment() { return ++moment_; }

  /// The connection to use for `peer`, or null: one that takes streams, and is no duplicate if there is a choice.
  std::shared_ptr<HostConnection> find(const multiformats::PeerId& peer) const;
  /// Those that are not closed.
  std::vector<std::shared_ptr<Connection>> open() const;
  std::vector<std::shared_ptr<Connection>> open_to(const multiformats::PeerId& peer) const;
  /// The peers of open().
  std::vector<multiformats::PeerId> peers() const;

 private:
  struct Entry {
    std::shared_ptr<HostConnection> connection;
    ConnectionOrigin origin;
    std::uint64_t up = 0;  ///< when it was added
  };
  struct Peer {
    std::vector<Entry> entries;  ///< oldest first, never none
    std::shared_ptr<StreamBudget> streams;
  };

  void settle_duplicates(const Entry& one, const Entry& other) const;

  multiformats::PeerId own_id_;
  ConnectionLimits limits_;
  std::shared_ptr<StreamBudget> streams_;
  std::size_t size_ = 0;
  std::uint64_t moment_ = 0;
  std::map<multiformats::PeerId, Peer> peers_;
};

}  // namespace libp2p
