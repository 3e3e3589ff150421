#include "libp2p/protocols/kad/provider_store.h"

#include "libp2p/protocols/kad/address_scope.h"

#include <algorithm>

namespace libp2p::kad {

bool ProviderStore::add(const base::Bytes& key, const PeerEntry& provider, base::TimePoint now) {
  Provider added{.peer = provider, .network = network_of(provider.addresses), .expires = now + limits_.ttl};
  const auto found = keys_.find(key);
  if (found == keys_.end()) {
    if (!has_room({}, added)) return false;
  } else {
    Providers& providers = found->second;
    const auto known = std::find_if(providers.begin(), providers.end(),
                                    [&provider](const Provider& each) { return each.peer.id == provider.id; });
    if (known != providers.end()) {
      providers.erase(known);
      providers.push_back(std::move(added));
      return true;
    }
    if (!has_room(providers, added)) return false;
    if (providers.size() >= limits_.per_key_max && !give_up_one(providers, added)) return false;
  }
  ++keys_of_[provider.id];
  ++size_;
  keys_[key].push_back(std::move(added));
  return true;
}

bool ProviderStore::has_room(const Providers& providers, const Provider& added) {
  // At the bound, one takes the place of another of the same key or of none.
  if (size_ >= limits_.providers_max && providers.size() < limits_.per_key_max) return false;
  const auto count = keys_of_.find(added.peer.id);
  return count == keys_of_.end() || count->second < limits_.keys_per_provider_max;
}

bool ProviderStore::give_up_one(Providers& providers, const Provider& added) {
  std::map<std::string, std::size_t> networks;
  for (const Provider& each : providers) ++networks[each.network.value_or("")];
  const auto most = std::max_element(networks.begin(), networks.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (networks[added.network.value_or("")] >= most->second) return false;
  const auto gone = std::find_if(providers.begin(), providers.end(),
                                 [&most](const Provider& each) { return each.network.value_or("") == most->first; });
  count_out(*gone);
  providers.erase(gone);
  return true;
}

void ProviderStore::count_out(const Provider& provider) {
  --size_;
  const auto count = keys_of_.find(provider.peer.id);
  if (--count->second == 0) keys_of_.erase(count);
}

std::vector<PeerEntry> ProviderStore::of(const base::Bytes& key, base::TimePoint now, std::size_t count) const {
  std::vector<PeerEntry> result;
  const auto found = keys_.find(key);
  if (found == keys_.end()) return result;
  for (auto each = found->second.rbegin(); each != found->second.rend() && result.size() < count; ++each) {
    if (each->expires > now) result.push_back(each->peer);
  }
  return result;
}

void ProviderStore::expire(base::TimePoint now) {
  for (auto key = keys_.begin(); key != keys_.end();) {
    std::erase_if(key->second, [&](const Provider& each) {
      if (each.expires > now) return false;
      count_out(each);
      return true;
    });
    key = key->second.empty() ? keys_.erase(key) : std::next(key);
  }
}

}  // namespace libp2p::kad
