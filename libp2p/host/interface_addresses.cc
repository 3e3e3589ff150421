#include "libp2p/host/interface_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace libp2p {

namespace {

namespace ip = boost::asio::ip;

std::optional<ip::address> to_address(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    return ip::address_v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    return ip::address_v6(bytes);
  }
  return std::nullopt;
}

std::vector<ip::address> interface_addresses() {
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> list(raw, &freeifaddrs);
  std::vector<ip::address> addresses;
  for (const ifaddrs* each = list.get(); each != nullptr; each = each->ifa_next) {
    if ((each->ifa_flags & IFF_UP) == 0) continue;
    const auto address = to_address(each->ifa_addr);
    if (!address || (address->is_v6() && address->to_v6().is_link_local())) continue;
    addresses.push_back(*address);
  }
  std::stable_partition(addresses.begin(), addresses.end(), [](const auto& a) { return !a.is_loopback(); });
  return addresses;
}

}  // namespace

std::vector<multiformats::Multiaddr> expand_unspecified(const multiformats::Multiaddr& address) {
  const auto endpoint = address.tcp_endpoint();
  if (!endpoint || !endpoint->address.is_unspecified()) return {address};
  std::vector<multiformats::Multiaddr> expanded;
  for (const ip::address& each : interface_addresses()) {
    if (each.is_v4() != endpoint->address.is_v4()) continue;
    expanded.push_back(multiformats::Multiaddr::from_ip_tcp(each, endpoint->port));
  }
  return expanded;
}

}  // namespace libp2p
