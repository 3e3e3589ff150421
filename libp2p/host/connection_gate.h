// Whom a host has to do with at all.
#pragma once

#include "base/result.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <boost/asio/ip/address.hpp>

#include <functional>
#include <set>
#include <string_view>
#include <vector>

namespace libp2p {

/// A range of IP addresses, such as 10.0.0.0/8 or 2001:db8::/32 (RFC 4632). A value.
class AddressRange {
 public:
  /// A single address stands for itself. Error::kBadAddressRange for all else, bits set behind the prefix included.
  static base::Result<AddressRange> from_text(std::string_view text);

  bool contains(const boost::asio::ip::address& address) const;

  friend bool operator==(const AddressRange&, const AddressRange&) = default;

 private:
  AddressRange(boost::asio::ip::address network, unsigned prefix_bits)
      : network_(std::move(network)), prefix_bits_(prefix_bits) {}

  boost::asio::ip::address network_;
  unsigned prefix_bits_;
};

/// A value: what is denied is never admitted; where there is a list of what is allowed, nothing else is.
struct ConnectionGate {
  std::set<multiformats::PeerId> denied_peers;
  std::set<multiformats::PeerId> allowed_peers;
  std::vector<AddressRange> denied_addresses;
  std::vector<AddressRange> allowed_addresses;
  /// Denies more peers, and may say otherwise later; connections that are up are its owner's to end. It outlives the
  /// host. May be empty.
  std::function<bool(const multiformats::PeerId&)> denies_peer;

  bool admits(const multiformats::PeerId& peer) const;
  /// An address that is not TCP over IP is in no range.
  bool admits(const multiformats::Multiaddr& address) const;
};

}  // namespace libp2p
