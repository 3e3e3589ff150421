// Which messages have been seen lately, what became of them, and who else brought them.
#pragma once

#include "base/clock.h"
#include "libp2p/protocols/gossipsub/message.h"

#include <deque>
#include <map>
#include <vector>

namespace libp2p::gossipsub {

enum class Validation { kAccept, kReject, kIgnore };

/// Pure state. An id is kept for `ttl` from when it was first seen, or until `entries_max` others came after it.
/// Ordered rather than hashed: peers choose ids, and may choose such as collide.
class SeenCache {
 public:
  enum class State { kValidating, kValid, kInvalid, kIgnored };
  struct Entry {
    State state = State::kValidating;
    base::TimePoint validated_at{};
    /// Who brought it besides the first, each once: while it was being validated, or in the window after it.
    std::vector<multiformats::PeerId> also_from = {};
  };

  /// REQUIRES: entries_max > 0.
  SeenCache(base::Duration ttl, std::size_t entries_max) : ttl_(ttl), entries_max_(entries_max) {}

  bool contains(const MessageId& id) const { return entries_.contains(id); }
  /// Null if it has not been seen. Valid until the next add() or expire().
  Entry* find(const MessageId& id);
  /// Adds it as being validated. REQUIRES: !contains(id).
  void add(const MessageId& id, base::TimePoint now);
  void expire(base::TimePoint now);
  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::map<MessageId, Entry>;

  base::Duration ttl_;
  std::size_t entries_max_;
  Entries entries_;
  struct Expiry {
    base::TimePoint when;
    Entries::iterator entry;
  };
  /// In order of time.
  std::deque<Expiry> expiries_;
};

}  // namespace libp2p::gossipsub
