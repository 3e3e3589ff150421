#include "libp2p/core/address_reach.h"

namespace libp2p {

namespace ip = boost::asio::ip;

namespace {

bool is_private(const ip::address_v4& address) {
  const std::uint32_t bits = address.to_uint();
  return bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 || bits >> 16 == 0xa9fe || bits >> 22 == 0x191;
}

/// Unique local (fc00::/7) and link-local addresses.
bool is_private(const ip::address_v6& address) {
  return (address.to_bytes()[0] & 0xfe) == 0xfc || address.is_link_local();
}

}  // namespace

AddressReach reach_of(const multiformats::Multiaddr& address) {
  const auto endpoint = address.tcp_endpoint();
  if (!endpoint || endpoint->address.is_unspecified() || endpoint->address.is_multicast()) return AddressReach::kOther;
  if (endpoint->address.is_loopback()) return AddressReach::kLoopback;
  const bool is_near =
      endpoint->address.is_v4() ? is_private(endpoint->address.to_v4()) : is_private(endpoint->address.to_v6());
  return is_near ? AddressReach::kPrivate : AddressReach::kPublic;
}

}  // namespace libp2p
