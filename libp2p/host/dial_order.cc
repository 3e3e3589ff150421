#include "libp2p/host/dial_order.h"

#include "libp2p/core/address_reach.h"

#include <algorithm>
#include <array>

namespace libp2p {

namespace {

/// In order of preference.
constexpr std::array kPreference{AddressReach::kPrivate, AddressReach::kPublic, AddressReach::kLoopback,
                                 AddressReach::kOther};

}  // namespace

std::vector<multiformats::Multiaddr> dial_order(const std::vector<multiformats::Multiaddr>& addresses) {
  struct Families {
    std::vector<multiformats::Multiaddr> six;
    std::vector<multiformats::Multiaddr> four;
  };
  std::array<Families, kPreference.size()> groups;
  for (auto at = addresses.begin(); at != addresses.end(); ++at) {
    if (std::find(addresses.begin(), at, *at) != at) continue;
    const auto place = std::ranges::find(kPreference, reach_of(*at)) - kPreference.begin();
    Families& group = groups[static_cast<std::size_t>(place)];
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
