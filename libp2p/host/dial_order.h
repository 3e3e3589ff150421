// In which order a peer's addresses are tried.
#pragma once

#include "multiformats/multiaddr.h"

#include <vector>

namespace libp2p {

/// Private networks first, then public ones, then loopback, which leads somewhere only on the peer's own machine;
/// within each, IPv6 and IPv4 in turn, beginning with IPv6 (RFC 8305, section 4). What is not TCP over IP comes last.
/// The order is kept otherwise, and what is there twice comes once.
std::vector<multiformats::Multiaddr> dial_order(const std::vector<multiformats::Multiaddr>& addresses);

}  // namespace libp2p
