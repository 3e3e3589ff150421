// The network interfaces that multicast DNS runs on.
#pragma once

#include "base/result.h"

#include <boost/asio/ip/address.hpp>

#include <string>
#include <vector>

namespace libp2p::mdns {

/// Bound on interfaces: a machine full of containers has hundreds, and each takes up to two sockets.
inline constexpr std::size_t kInterfacesMax = 64;

/// An address with the size of its subnet.
struct InterfaceAddress {
  boost::asio::ip::address address;  ///< without a zone
  unsigned prefix_bits = 0;

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct NetworkInterface {
  std::string name;
  unsigned index = 0;
  std::vector<InterfaceAddress> addresses;

  std::vector<boost::asio::ip::address> plain_addresses() const;
  bool has(const boost::asio::ip::address& address) const;
  /// Whether a packet from `sender` comes from this link: one of the subnets, or an IPv6 link-local address.
  bool is_local(const boost::asio::ip::address& sender) const;

  friend bool operator==(const NetworkInterface&, const NetworkInterface&) = default;
};

/// The interfaces that are up, can multicast and have an address; in order of their index, at most kInterfacesMax.
/// The system's error if it cannot list them.
base::Result<std::vector<NetworkInterface>> list_multicast_interfaces();

}  // namespace libp2p::mdns
