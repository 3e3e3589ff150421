// Changes of a node's blocks on their way to events.
#pragma once

#include "events/kv_event.h"

#include <cstddef>
#include <vector>

namespace kvp2p {

/// Turns changes into as few events as say them in order. Bounded: what does not fit clears everything at the reader,
/// who then knows less, but nothing wrong. Pure state; not thread-safe.
class ChangeQueue {
 public:
  explicit ChangeQueue(std::size_t changes_max) : changes_max_(changes_max) {}

  void stored(const BlockKey& key) { add({key, true}); }
  void removed(const BlockKey& key) { add({key, false}); }
  void cleared();

  bool empty() const { return !cleared_ && changes_.empty(); }
  /// Everything so far.
  std::vector<KvEvent> take();

 private:
  struct Change {
    BlockKey key;
    bool stored;
  };
  void add(const Change& change);

  const std::size_t changes_max_;
  bool cleared_ = false;
  std::vector<Change> changes_;
};

}  // namespace kvp2p
