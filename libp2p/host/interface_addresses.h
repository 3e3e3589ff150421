// The addresses of this machine's network interfaces.
#pragma once

#include "multiformats/multiaddr.h"

#include <vector>

namespace libp2p {

/// The address itself, unless it is /ip4/0.0.0.0/… or /ip6/::/…: then one for each address of that family that an
/// interface has and that is up, loopback last. Link-local IPv6 is left out: it means something on its link only.
/// Only plain TCP addresses are expanded.
std::vector<multiformats::Multiaddr> expand_unspecified(const multiformats::Multiaddr& address);

}  // namespace libp2p
