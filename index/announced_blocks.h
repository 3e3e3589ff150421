// What this node tells others about its own blocks of one model.
#pragma once

#include "base/result.h"
#include "index/held_blocks.h"
#include "wire/announcements.h"

#include <vector>

namespace kvp2p {

/// Collects changes into messages, and answers those who have missed some. Pure state; not thread-safe.
class AnnouncedBlocks {
 public:
  explicit AnnouncedBlocks(wire::Incarnation incarnation) : incarnation_(incarnation) {}

  void stored(KeyPrefix prefix);
  void evicted(KeyPrefix prefix);
  /// Everything at once.
  void cleared();

  bool has_changes() const { return cleared_ || !changes_.empty(); }
  std::size_t changes() const { return changes_.size(); }
  /// What has happened since the last call, in as few messages as it takes; of each key the last change alone.
  std::vector<wire::BlocksChanged> take_changes();

  /// REQUIRES: no changes that have not been taken. `next_ms` until the next one.
  wire::BlocksDigest digest(std::uint32_t next_ms) const;
  wire::Sums answer(const wire::SumsWanted& question) const;
  wire::Parts answer(const wire::PartsWanted& question) const;

  std::size_t size() const { return blocks_.size(); }

 private:
  struct Change {
    KeyPrefix prefix;
    bool stored;
  };

  const wire::Incarnation incarnation_;
  PagePool pool_;
  const PrefixHash hash_;
  HeldBlocks blocks_{pool_, hash_};
  std::uint64_t sequence_ = 0;
  bool cleared_ = false;
  std::vector<Change> changes_;
};

}  // namespace kvp2p
