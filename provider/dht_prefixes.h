// Which prompts a node tells of in the distributed hash table, and which it looks for there.
//
// A prompt stands under its first block: not under every block, of which there are millions. A node learns which blocks
// are first ones from what its engines ask for.
#pragma once

#include "base/clock.h"
#include "cache/core_types.h"
#include "kv/block_key.h"

#include <cstddef>
#include <list>
#include <optional>
#include <unordered_map>

namespace kvp2p {

/// Bookkeeping only: says what is to be done. Bounded: of more than `prefixes_max` prompts, the one that was asked for
/// longest ago is forgotten. Not thread-safe.
class DhtPrefixes {
 public:
  enum class Action { kNone, kProvide, kSearch };

  /// Looks for the same prompt again after `search_pause` at the soonest.
  DhtPrefixes(std::size_t prefixes_max, base::Duration search_pause);

  struct Asked {
    Action action = Action::kNone;
    /// Forgotten in its place, and to be provided no more.
    std::optional<BlockKey> withdrawn;
  };
  /// An engine looks for a prompt.
  Asked asked(const BlockKey& first, PrefixAt at, base::TimePoint now);
  /// A block is in this node from now on: kProvide if it is one that was asked for, and is not provided yet.
  Action stored(const BlockKey& key);
  /// A block is gone: whether it was provided.
  bool dropped(const BlockKey& key);

  std::size_t size() const { return prefixes_.size(); }

 private:
  struct Prefix {
    BlockKey first;
    bool is_provided = false;
    base::TimePoint next_search = {};
  };
  using Place = std::list<Prefix>::iterator;

  Prefix& find_or_add(const BlockKey& first, Asked& asked);

  const std::size_t prefixes_max_;
  const base::Duration search_pause_;
  std::list<Prefix> prefixes_;  // asked for last: first
  std::unordered_map<BlockKey, Place> places_;
};

}  // namespace kvp2p
