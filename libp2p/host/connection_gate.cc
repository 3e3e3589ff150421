#include "libp2p/host/connection_gate.h"

#include "libp2p/core/error.h"

#include <algorithm>
#include <charconv>

namespace libp2p {

namespace ip = boost::asio::ip;

namespace {

/// Both families as 16 bytes; an IPv4 address is the first four.
ip::address_v6::bytes_type bytes_of(const ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  ip::address_v6::bytes_type bytes{};
  std::ranges::copy(address.to_v4().to_bytes(), bytes.begin());
  return bytes;
}

unsigned bits_of(const ip::address& address) { return address.is_v4() ? 32 : 128; }

/// The bits of the i-th byte that belong to the prefix.
std::uint8_t mask(unsigned prefix_bits, std::size_t i) {
  const auto bits = std::min<std::size_t>(8, prefix_bits - std::min<std::size_t>(prefix_bits, 8 * i));
  return static_cast<std::uint8_t>(0xff00 >> bits);
}

bool is_in_any(const std::vector<AddressRange>& ranges, const multiformats::Multiaddr& address) {
  const auto endpoint = address.tcp_endpoint();
  return endpoint &&
         std::ranges::any_of(ranges, [&](const AddressRange& each) { return each.contains(endpoint->address); });
}

}  // namespace

base::Result<AddressRange> AddressRange::from_text(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  boost::system::error_code error;
  const ip::address network = ip::make_address(std::string(text.substr(0, slash)), error);
  if (error || (network.is_v6() && network.to_v6().scope_id() != 0)) return Error::kBadAddressRange;
  unsigned prefix_bits = bits_of(network);
  if (slash < text.size()) {
    const std::string_view number = text.substr(slash + 1);
    const auto [end, parse_error] = std::from_chars(number.data(), number.data() + number.size(), prefix_bits);
    if (parse_error != std::errc() || end != number.data() + number.size()) return Error::kBadAddressRange;
    if (prefix_bits > bits_of(network)) return Error::kBadAddressRange;
  }
  const auto bytes = bytes_of(network);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] & ~mask(prefix_bits, i)) != 0) return Error::kBadAddressRange;
  }
  return AddressRange(network, prefix_bits);
}

bool AddressRange::contains(const ip::address& address) const {
  if (address.is_v4() != network_.is_v4()) return false;
  const auto wanted = bytes_of(network_);
  const auto bytes = bytes_of(address);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if ((bytes[i] & mask(prefix_bits_, i)) != wanted[i]) return false;
  }
  return true;
}

bool ConnectionGate::admits(const multiformats::PeerId& peer) const {
  if (denies_peer && denies_peer(peer)) return false;
  return !denied_peers.contains(peer) && (allowed_peers.empty() || allowed_peers.contains(peer));
}

bool ConnectionGate::admits(const multiformats::Multiaddr& address) const {
  return !is_in_any(denied_addresses, address) && (allowed_addresses.empty() || is_in_any(allowed_addresses, address));
}

}  // namespace libp2p
