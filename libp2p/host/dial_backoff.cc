#include "libp2p/host/dial_backoff.h"

#include <algorithm>

namespace libp2p {

namespace {

base::Duration wait_after(int failures) {
  // Beyond 100 failures the square means nothing any more.
  const int before = std::min(failures - 1, 100);
  return std::min(kDialBackoffBase + before * before * kDialBackoffStep, kDialBackoffMax);
}

}  // namespace

bool DialBackoff::allows(const multiformats::PeerId& peer, const multiformats::Multiaddr& address,
                         base::TimePoint now) const {
  const auto found = entries_.find(Key(peer, address));
  return found == entries_.end() || found->second.until <= now;
}

std::optional<base::TimePoint> DialBackoff::until(const multiformats::PeerId& peer, base::TimePoint now) const {
  std::optional<base::TimePoint> first;
  for (auto at = entries_.lower_bound(Key(peer, {})); at != entries_.end() && at->first.first == peer; ++at) {
    const base::TimePoint until = at->second.until;
    if (until > now && (!first || until < *first)) first = until;
  }
  return first;
}

void DialBackoff::on_failure(const multiformats::PeerId& peer, const multiformats::Multiaddr& address,
                             base::TimePoint now) {
  const Key key(peer, address);
  if (!entries_.contains(key) && entries_.size() >= kDialBackoffEntriesMax) make_room(now);
  Entry& entry = entries_[key];
  if (entry.forgotten <= now) entry.failures = 0;
  const base::Duration wait = wait_after(++entry.failures);
  entry.until = now + wait;
  entry.forgotten = now + 2 * wait;
}

void DialBackoff::on_success(const multiformats::PeerId& peer, const multiformats::Multiaddr& address) {
  entries_.erase(Key(peer, address));
}

void DialBackoff::make_room(base::TimePoint now) {
  std::erase_if(entries_, [now](const auto& each) { return each.second.forgotten <= now; });
  if (entries_.size() < kDialBackoffEntriesMax) return;
  entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                  [](const auto& a, const auto& b) { return a.second.until < b.second.until; }));
}

}  // namespace libp2p
