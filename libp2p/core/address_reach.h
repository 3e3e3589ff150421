// How far an address leads.
#pragma once

#include "multiformats/multiaddr.h"

namespace libp2p {

/// Of TCP over IP; kOther is all else (names, relays).
enum class AddressReach { kLoopback, kPrivate, kPublic, kOther };

/// Private: RFC 1918, RFC 6598, link-local, unique local. Unspecified and multicast addresses lead nowhere: kOther.
AddressReach reach_of(const multiformats::Multiaddr& address);

}  // namespace libp2p
