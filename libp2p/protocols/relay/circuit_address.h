// Addresses that lead through a relay: /ip4/…/tcp/…/p2p/RELAY/p2p-circuit[/p2p/TARGET]. Pure.
#pragma once

#include "base/result.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <optional>

namespace libp2p::relay {

struct CircuitAddress {
  multiformats::PeerId relay;
  /// Where the relay is, without /p2p/…; empty if the address does not tell.
  multiformats::Multiaddr relay_address;
  std::optional<multiformats::PeerId> target;

  /// Error::kUnsupportedAddress for anything else, a circuit over another circuit included.
  static base::Result<CircuitAddress> parse(const multiformats::Multiaddr& address);
};

/// How the peers of a relay are reached that is at `relay_address`, which may end in the relay's /p2p/… already.
/// Error::kUnsupportedAddress if that is a circuit itself, ends in another peer, or leaves no room for more.
base::Result<multiformats::Multiaddr> make_circuit_address(const multiformats::Multiaddr& relay_address,
                                                           const multiformats::PeerId& relay);

}  // namespace libp2p::relay
