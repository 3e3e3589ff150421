#include "provider/dht_prefixes.h"

namespace kvp2p {

DhtPrefixes::DhtPrefixes(std::size_t prefixes_max, base::Duration search_pause)
    : prefixes_max_(prefixes_max), search_pause_(search_pause) {}

DhtPrefixes::Asked DhtPrefixes::asked(const BlockKey& first, PrefixAt at, base::TimePoint now) {
  Asked asked;
  Prefix& prefix = find_or_add(first, asked);
  if (at == PrefixAt::kHere && !prefix.is_provided) {
    prefix.is_provided = true;
    asked.action = Action::kProvide;
  } else if (at == PrefixAt::kNowhere && now >= prefix.next_search) {
    prefix.next_search = now + search_pause_;
    asked.action = Action::kSearch;
  }
  return asked;
}

DhtPrefixes::Prefix& DhtPrefixes::find_or_add(const BlockKey& first, Asked& asked) {
  if (const auto known = places_.find(first); known != places_.end()) {
    prefixes_.splice(prefixes_.begin(), prefixes_, known->second);
    return prefixes_.front();
  }
  if (prefixes_.size() >= prefixes_max_) {
    if (prefixes_.back().is_provided) asked.withdrawn = prefixes_.back().first;
    places_.erase(prefixes_.back().first);
    prefixes_.pop_back();
  }
  prefixes_.push_front({.first = first});
  places_[first] = prefixes_.begin();
  return prefixes_.front();
}

DhtPrefixes::Action DhtPrefixes::stored(const BlockKey& key) {
  const auto known = places_.find(key);
  if (known == places_.end() || known->second->is_provided) return Action::kNone;
  known->second->is_provided = true;
  return Action::kProvide;
}

bool DhtPrefixes::dropped(const BlockKey& key) {
  const auto known = places_.find(key);
  return known != places_.end() && std::exchange(known->second->is_provided, false);
}

}  // namespace kvp2p
