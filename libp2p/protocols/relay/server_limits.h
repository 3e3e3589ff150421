// What a relay gives away, and to whom how much of it.
#pragma once

#include "base/clock.h"
#include "base/result.h"

#include <cstdint>

namespace libp2p::relay {

/// Defaults are those of a relay that strangers use: enough for peers to agree on a hole punch, and for little else.
struct ServerLimits {
  /// Peers that may be reached through this relay: in all, and of one network (an IPv4 address, an IPv6 /64).
  std::size_t reservations_max = 128;
  std::size_t reservations_per_network_max = 8;
  base::Duration reservation_time = std::chrono::hours(1);

  /// Relayed connections at once: in all, to and from one peer, and begun from one network.
  std::size_t circuits_max = 256;
  std::size_t circuits_per_peer_max = 16;
  std::size_t circuits_per_network_max = 32;

  /// Of one relayed connection; 0: no limit, and peers are told so. Then they send payload through this relay too.
  std::chrono::seconds circuit_time = std::chrono::minutes(2);
  std::uint64_t circuit_bytes = 128 * 1024;  ///< each way

  /// Requests of one connection: so many at once, then one an interval. Further ones are refused.
  std::size_t request_burst = 16;
  base::Duration request_interval = std::chrono::seconds(1);
};

/// No limits on what one connection may carry: for a relay of one's own.
inline ServerLimits unlimited_circuits(ServerLimits limits = {}) {
  limits.circuit_time = std::chrono::seconds(0);
  limits.circuit_bytes = 0;
  return limits;
}

/// Errc::kBadLimits.
base::Result<> validate(const ServerLimits& limits);

}  // namespace libp2p::relay
