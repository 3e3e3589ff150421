#include "exchange/cluster_policy.h"

#include <algorithm>

namespace kvp2p {

bool ClusterPolicy::admits(const multiformats::PeerId& peer, bool holds_key) const {
  return std::ranges::any_of(grants, [&](const Grant& grant) { return grant.is_for(peer, holds_key); });
}

bool same_for(const ClusterPolicy& a, const ClusterPolicy& b, const multiformats::PeerId& peer) {
  // A salt that changes moves the spaces that the names in the grants stand for.
  if (a.tenants != b.tenants) return false;
  const auto applying = [&peer](const ClusterPolicy& policy) {
    std::vector<Grant> grants;
    for (Grant grant : policy.grants) {
      if (!grant.is_for(peer, true)) continue;
      grant.peers = grant.peers.contains(peer) ? std::set{peer} : std::set<multiformats::PeerId>();
      grants.push_back(std::move(grant));
    }
    return grants;
  };
  return applying(a) == applying(b);
}

}  // namespace kvp2p
