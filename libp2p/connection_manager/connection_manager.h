// Keeps the number of a host's connections between two marks: above the high one it parts with the peers that are worth
// least, down to the low one.
#pragma once

#include "libp2p/connection_manager/peer_values.h"
#include "libp2p/host/host.h"

#include <memory>

namespace libp2p {

struct ConnectionManagerConfig {
  Watermarks marks;
  /// How often it looks, besides when a connection comes.
  base::Duration interval = std::chrono::seconds(10);
};

/// Not thread-safe: on the host's executor. `clock` and `host` outlive it. It closes connections that are there;
/// HostConfig::connections_max is what no more than that come.
class ConnectionManager {
 public:
  ConnectionManager(base::Clock& clock, Host& host, const ConnectionManagerConfig& config);
  /// Stops.
  ~ConnectionManager();

  /// What peers are worth, and who is protected.
  PeerValues& values();
  /// Looks now; how many peers it has parted with.
  std::size_t trim();
  /// Peers parted with, so far.
  std::uint64_t closed_count() const;
  /// Whether it has closed the peer's connections, and none has come since: nobody need go and fetch the peer back.
  bool has_parted_with(const multiformats::PeerId& peer) const;
  /// Nothing is closed any more. Idempotent.
  void stop();

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the host's callbacks, which may outlive this
};

}  // namespace libp2p
