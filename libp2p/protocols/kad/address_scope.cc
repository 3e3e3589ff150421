#include "libp2p/protocols/kad/address_scope.h"

#include "multiformats/varint.h"

#include <algorithm>

namespace libp2p::kad {

namespace {

using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;
using multiformats::AddrProtocol;
using multiformats::Multiaddr;

bool is_in(const address_v4& address, std::uint32_t network, unsigned prefix_bits) {
  return (address.to_uint() ^ network) >> (32 - prefix_bits) == 0;
}

Scope scope_of_v4(const address_v4& address) {
  if (address.is_loopback() || address.is_unspecified()) return Scope::kLoopback;
  const bool is_private = is_in(address, 0x0a000000, 8) || is_in(address, 0xac100000, 12) ||
                          is_in(address, 0xc0a80000, 16) || is_in(address, 0xa9fe0000, 16) ||
                          is_in(address, 0x64400000, 10);
  return is_private ? Scope::kPrivate : Scope::kPublic;
}

Scope scope_of_v6(const address_v6& address) {
  if (address.is_v4_mapped()) return scope_of_v4(boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, address));
  if (address.is_loopback() || address.is_unspecified()) return Scope::kLoopback;
  const bool is_private = address.is_link_local() || (address.to_bytes()[0] & 0xfe) == 0xfc;
  return is_private ? Scope::kPrivate : Scope::kPublic;
}

/// The IP address that it begins with. Read in place: it is asked of every address that comes in.
std::optional<boost::asio::ip::address> first_ip(const Multiaddr& address) {
  base::ConstBytes bytes = address.to_bytes();
  const auto take = [&bytes](std::size_t count) {
    const base::ConstBytes taken = bytes.first(std::min(count, bytes.size()));
    bytes = bytes.subspan(taken.size());
    return taken;
  };
  const auto is_next = [&bytes](AddrProtocol protocol) {
    return !bytes.empty() && bytes[0] == static_cast<std::uint32_t>(protocol);
  };
  if (is_next(AddrProtocol::kIp6Zone)) {
    take(1);
    const auto length = multiformats::read_uvarint(bytes);
    if (!length) return std::nullopt;
    take(length->size);
    take(length->value);
  }
  const bool is_v4 = is_next(AddrProtocol::kIp4);
  if (!is_v4 && !is_next(AddrProtocol::kIp6)) return std::nullopt;
  take(1);
  address_v4::bytes_type v4;
  address_v6::bytes_type v6;
  const base::ConstBytes value = take(is_v4 ? v4.size() : v6.size());
  if (value.size() != (is_v4 ? v4.size() : v6.size())) return std::nullopt;
  std::copy(value.begin(), value.end(), is_v4 ? v4.begin() : v6.begin());
  if (is_v4) return address_v4(v4);
  return address_v6(v6);
}

}  // namespace

Scope scope_of(const boost::asio::ip::address& address) {
  return address.is_v4() ? scope_of_v4(address.to_v4()) : scope_of_v6(address.to_v6());
}

Scope scope_of(const Multiaddr& address) {
  const auto ip = first_ip(address);
  return ip ? scope_of(*ip) : Scope::kPublic;
}

std::vector<Multiaddr> within(Scope seen, const std::vector<Multiaddr>& addresses) {
  std::vector<Multiaddr> result;
  for (const Multiaddr& address : addresses) {
    if (scope_of(address) >= seen) result.push_back(address);
  }
  return result;
}

std::optional<std::string> network_of(const boost::asio::ip::address& address) {
  if (scope_of(address) != Scope::kPublic) return std::nullopt;
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return std::string(bytes.begin(), bytes.begin() + 2);
  }
  const auto bytes = address.to_v6().to_bytes();
  return std::string(bytes.begin(), bytes.begin() + 4);
}

std::optional<std::string> network_of(const std::vector<Multiaddr>& addresses) {
  for (const Multiaddr& address : addresses) {
    const auto ip = first_ip(address);
    if (!ip) continue;
    if (auto network = network_of(*ip)) return network;
  }
  return std::nullopt;
}

}  // namespace libp2p::kad
