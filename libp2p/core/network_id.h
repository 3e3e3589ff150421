// Which network an address is of: what one party can easily have many addresses of. Pure.
#pragma once

#include "multiformats/multiaddr.h"

#include <compare>
#include <cstdint>
#include <optional>

namespace libp2p {

/// A value, to count by.
struct NetworkId {
  bool is_ip6 = false;
  /// Of the address, those behind the prefix cleared: all 32 of an IPv4 address, or the first 64 of an IPv6 one.
  std::uint64_t bits = 0;

  friend auto operator<=>(const NetworkId&, const NetworkId&) = default;
};

/// The first so many bits of the address count. REQUIRES: 1 to 32, and 1 to 64.
struct NetworkPrefix {
  unsigned ip4_bits = 32;
  unsigned ip6_bits = 64;
};

/// Of what begins with an IP address, a relay's peer too: then it is the relay's network. Nothing for all else.
std::optional<NetworkId> network_of(const multiformats::Multiaddr& address, NetworkPrefix prefix = {});

}  // namespace libp2p
