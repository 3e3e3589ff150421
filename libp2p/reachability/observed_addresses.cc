#include "libp2p/reachability/observed_addresses.h"

#include "libp2p/core/address_reach.h"

#include <algorithm>
#include <set>

namespace libp2p {

using multiformats::Multiaddr;

void ObservedAddresses::observe(const multiformats::PeerId& observer, const Multiaddr& at, const Multiaddr& address,
                                base::TimePoint now) {
  const auto network = network_of(at, kObserverPrefix);
  Multiaddr seen = address.without_peer();
  if (!network || !at.tcp_endpoint() || reach_of(seen) != AddressReach::kPublic) return;
  const Key key{observer, seen.tcp_endpoint()->address.is_v6()};
  if (observations_.size() >= kObservationsMax && !observations_.contains(key)) {
    const auto oldest = std::ranges::min_element(observations_, {}, [](const auto& each) { return each.second.time; });
    observations_.erase(oldest);
  }
  observations_.insert_or_assign(key, Observation{*network, std::move(seen), now});
}

std::vector<Multiaddr> ObservedAddresses::agreed(std::size_t observers_min, base::TimePoint now) const {
  std::map<Multiaddr, std::set<NetworkId>> observers;
  for (const auto& [key, observation] : observations_) {
    if (now - observation.time < kObservationTime) observers[observation.address].insert(observation.network);
  }
  std::vector<std::pair<std::size_t, Multiaddr>> ordered;
  for (const auto& [address, networks] : observers) {
    if (networks.size() >= observers_min) ordered.emplace_back(networks.size(), address);
  }
  std::ranges::stable_sort(ordered, std::ranges::greater(), [](const auto& each) { return each.first; });
  std::vector<Multiaddr> addresses;
  for (auto& [count, address] : ordered) {
    if (addresses.size() < kObservedAddressesMax) addresses.push_back(std::move(address));
  }
  return addresses;
}

}  // namespace libp2p
