#include "libp2p/discovery/mdns/network_interface.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <span>

namespace libp2p::mdns {

namespace {

using boost::asio::ip::address;
using boost::asio::ip::address_v4;
using boost::asio::ip::address_v6;

struct IfaddrsDeleter {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

unsigned one_bits(std::span<const std::uint8_t> mask) {
  unsigned bits = 0;
  for (std::uint8_t byte : mask) bits += static_cast<unsigned>(std::popcount(byte));
  return bits;
}

template <std::size_t kSize>
std::array<std::uint8_t, kSize> copy_bytes(const void* from) {
  std::array<std::uint8_t, kSize> bytes;
  std::memcpy(bytes.data(), from, kSize);
  return bytes;
}

std::optional<InterfaceAddress> to_address(const ifaddrs& entry) {
  if (!entry.ifa_addr || !entry.ifa_netmask) return std::nullopt;
  if (entry.ifa_addr->sa_family == AF_INET) {
    const auto ip = copy_bytes<4>(&reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr);
    const auto mask = copy_bytes<4>(&reinterpret_cast<const sockaddr_in*>(entry.ifa_netmask)->sin_addr);
    return InterfaceAddress{address_v4(ip), one_bits(mask)};
  }
  if (entry.ifa_addr->sa_family == AF_INET6) {
    const auto ip = copy_bytes<16>(&reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr);
    const auto mask = copy_bytes<16>(&reinterpret_cast<const sockaddr_in6*>(entry.ifa_netmask)->sin6_addr);
    return InterfaceAddress{address_v6(ip), one_bits(mask)};
  }
  return std::nullopt;
}

template <std::size_t kSize>
bool same_prefix(const std::array<std::uint8_t, kSize>& a, const std::array<std::uint8_t, kSize>& b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (!std::equal(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(whole), b.begin())) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool same_subnet(const InterfaceAddress& own, const address& other) {
  if (own.address.is_v4() != other.is_v4()) return false;
  if (other.is_v4()) return same_prefix(own.address.to_v4().to_bytes(), other.to_v4().to_bytes(), own.prefix_bits);
  return same_prefix(own.address.to_v6().to_bytes(), other.to_v6().to_bytes(), own.prefix_bits);
}

}  // namespace

std::vector<address> NetworkInterface::plain_addresses() const {
  std::vector<address> plain;
  for (const InterfaceAddress& own : addresses) plain.push_back(own.address);
  return plain;
}

bool NetworkInterface::has(const address& wanted) const {
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const InterfaceAddress& own) { return own.address == wanted; });
}

bool NetworkInterface::is_local(const address& sender) const {
  if (sender.is_v6() && sender.to_v6().is_link_local()) return true;
  return std::any_of(addresses.begin(), addresses.end(),
                     [&](const InterfaceAddress& own) { return same_subnet(own, sender); });
}

base::Result<std::vector<NetworkInterface>> list_multicast_interfaces() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return base::Error(errno, boost::system::system_category());
  const std::unique_ptr<ifaddrs, IfaddrsDeleter> owner(list);
  std::map<unsigned, NetworkInterface> by_index;
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    if (!(entry->ifa_flags & IFF_UP) || !(entry->ifa_flags & IFF_MULTICAST)) continue;
    const auto own = to_address(*entry);
    const unsigned index = if_nametoindex(entry->ifa_name);
    if (!own || index == 0) continue;
    NetworkInterface& interface = by_index[index];
    interface.name = entry->ifa_name;
    interface.index = index;
    interface.addresses.push_back(*own);
  }
  std::vector<NetworkInterface> interfaces;
  for (auto& [index, interface] : by_index) {
    if (interfaces.size() == kInterfacesMax) break;
    interfaces.push_back(std::move(interface));
  }
  return interfaces;
}

}  // namespace libp2p::mdns
