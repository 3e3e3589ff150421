#include "libp2p/host/dial_order.h"

#include <algorithm>
#include <array>

namespace libp2p {

namespace {

namespace ip = boost::asio::ip;

/// In order of preference.
enum class Reach { kPrivate, kPublic, kLoopback, kOther };
constexpr std::size_t kReaches = 4;

bool is_private(const ip::address_v4& address) {
  const std::uint32_t bits = address.to_uint();
  return bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 || bits >> 16 == 0xa9fe || bits >> 22 == 0x191;
}

/// Unique local (fc00::/7) and link-local addresses.
bool is_private(const ip::address_v6& address) {
  return (address.to_bytes()[0] & 0xfe) == 0xfc || address.is_link_local();
}

Reach reach_of(const multiformats::Multiaddr& address) {
  const auto endpoint = address.tcp_endpoint();
  if (!endpoint) return Reach::kOther;
  if (endpoint->address.is_loopback()) return Reach::kLoopback;
  const bool is_near =
      endpoint->address.is_v4() ? is_private(endpoint->address.to_v4()) : is_private(endpoint->address.to_v6());
  return is_near ? Reach::kPrivate : Reach::kPublic;
}

}  // namespace

std::vector<multiformats::Multiaddr> dial_order(const std::vector<multiformats::Multiaddr>& addresses) {
  struct Families {
    std::vector<multiformats::Multiaddr> six;
    std::vector<multiformats::Multiaddr> four;
  };
  std::array<Families, kReaches> groups;
  for (auto at = addresses.begin(); at != addresses.end(); ++at) {
    if (std::find(addresses.begin(), at, *at) != at) continue;
    Families& group = groups[static_cast<std::size_t>(reach_of(*at))];
    const auto endpoint = at->tcp_endpoint();
    (endpoint && endpoint->address.is_v6() ? group.six : group.four).push_back(*at);
  }
  std::vector<multiformats::Multiaddr> ordered;
  for (const Families& group : groups) {
    for (std::size_t i = 0; i < std::max(group.six.size(), group.four.size()); ++i) {
      if (i < group.six.size()) ordered.push_back(group.six[i]);
      if (i < group.four.size()) ordered.push_back(group.four[i]);
    }
  }
  return ordered;
}

}  // namespace libp2p
