// Whom not to graft for a while (libp2p/specs gossipsub-v1.1.md, "PRUNE Backoff").
#pragma once

#include "base/clock.h"
#include "multiformats/peer_id.h"

#include <map>
#include <optional>
#include <string>

namespace libp2p::gossipsub {

/// Pure state, of at most `entries_max` pairs of topic and peer; those that end next give way.
class BackoffTable {
 public:
  explicit BackoffTable(std::size_t entries_max) : entries_max_(entries_max) {}

  /// The later end counts.
  void add(const std::string& topic, const multiformats::PeerId& peer, base::TimePoint until);
  /// When it ends or has ended; nothing once that is forgotten.
  std::optional<base::TimePoint> until(const std::string& topic, const multiformats::PeerId& peer) const;
  /// Forgets those that ended before `before`.
  void forget(base::TimePoint before);
  std::size_t size() const { return ends_.size(); }

 private:
  using Key = std::pair<std::string, multiformats::PeerId>;

  std::size_t entries_max_;
  std::map<Key, base::TimePoint> ends_;
  std::multimap<base::TimePoint, Key> by_end_;
};

}  // namespace libp2p::gossipsub
