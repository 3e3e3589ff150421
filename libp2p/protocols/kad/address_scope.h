// Where an address means something, and which addresses lie in one network: what a peer says of others is taken as far
// as it can know, and no network fills our tables by itself. Pure.
#pragma once

#include "base/bytes.h"
#include "multiformats/multiaddr.h"

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <vector>

namespace libp2p::kad {

/// Loopback: this machine. Private: this site (RFC 1918, RFC 6598, unique local and link-local addresses).
enum class Scope { kLoopback, kPrivate, kPublic };

Scope scope_of(const boost::asio::ip::address& address);
/// By the IP address that it begins with; public where that is a name.
Scope scope_of(const multiformats::Multiaddr& address);

/// Those that mean something to who is seen at an address of scope `seen`, and come from it alike: none of a narrower
/// scope. A peer on the internet has no say in whom we dial on our own machine or network.
std::vector<multiformats::Multiaddr> within(Scope seen, const std::vector<multiformats::Multiaddr>& addresses);

/// The network that a public address belongs to, as far as one owner is likely to have all of it: IPv4 /16, IPv6 /32.
/// Nothing for other addresses, of which whoever runs the network gives out as many as he likes.
std::optional<std::string> network_of(const boost::asio::ip::address& address);
/// That of the first public IP address among them.
std::optional<std::string> network_of(const std::vector<multiformats::Multiaddr>& addresses);

}  // namespace libp2p::kad
