#include "libp2p/protocols/gossipsub/backoff_table.h"

#include <algorithm>

namespace libp2p::gossipsub {

void BackoffTable::add(const std::string& topic, const multiformats::PeerId& peer, base::TimePoint until) {
  const Key key(topic, peer);
  const auto found = ends_.find(key);
  if (found != ends_.end()) {
    if (found->second >= until) return;
    const auto [begin, end] = by_end_.equal_range(found->second);
    by_end_.erase(std::find_if(begin, end, [&key](const auto& each) { return each.second == key; }));
  }
  ends_[key] = until;
  by_end_.emplace(until, key);
  if (ends_.size() <= entries_max_) return;
  ends_.erase(by_end_.begin()->second);
  by_end_.erase(by_end_.begin());
}

std::optional<base::TimePoint> BackoffTable::until(const std::string& topic, const multiformats::PeerId& peer) const {
  const auto found = ends_.find(Key(topic, peer));
  if (found == ends_.end()) return std::nullopt;
  return found->second;
}

void BackoffTable::forget(base::TimePoint before) {
  while (!by_end_.empty() && by_end_.begin()->first < before) {
    ends_.erase(by_end_.begin()->second);
    by_end_.erase(by_end_.begin());
  }
}

}  // namespace libp2p::gossipsub
