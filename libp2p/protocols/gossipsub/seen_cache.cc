#include "libp2p/protocols/gossipsub/seen_cache.h"

namespace libp2p::gossipsub {

SeenCache::Entry* SeenCache::find(const MessageId& id) {
  const auto found = entries_.find(id);
  return found == entries_.end() ? nullptr : &found->second;
}

void SeenCache::add(const MessageId& id, base::TimePoint now) {
  expire(now);
  if (entries_.size() >= entries_max_) {
    entries_.erase(expiries_.front().entry);
    expiries_.pop_front();
  }
  expiries_.push_back({now + ttl_, entries_.emplace(id, Entry()).first});
}

void SeenCache::expire(base::TimePoint now) {
  while (!expiries_.empty() && expiries_.front().when <= now) {
    entries_.erase(expiries_.front().entry);
    expiries_.pop_front();
  }
}

}  // namespace libp2p::gossipsub
