// The inside of MemoryStore: what is guarded by its lock.
#pragma once

#include "storage/block_arena.h"
#include "storage/memory_store.h"

#include <list>
#include <mutex>
#include <unordered_map>

namespace kvp2p {

/// Every member is guarded by `mutex`. Blocks that are pinned are in `pinned`, the others in `idle`, newest first in
/// both.
struct MemoryStore::State {
  struct Entry {
    std::shared_ptr<const StoredBlock> block;
    std::size_t pins = 0;
  };
  using Entries = std::list<Entry>;

  mutable std::mutex mutex;
  Entries idle;
  Entries pinned;
  /// A key has one entry a shard, few in all.
  std::unordered_multimap<BlockKey, Entries::iterator> by_key;
  std::unordered_map<const StoredBlock*, Entries::iterator> by_block;
  std::size_t bytes_stored = 0;
  std::size_t bytes_reserved = 0;
  std::size_t bytes_max = 0;
  std::uint64_t evicted_blocks = 0;
  std::uint64_t refused_reservations = 0;
  Observer observer;
  /// Set once; may be null.
  std::shared_ptr<BlockArena> arena;

  /// The entry whose encoding is the wanted one and that covers the wanted shard.
  Entries::iterator* covering(const BlockKey& key, const ObjectFormat& wanted);
  bool holds_exactly(const BlockKey& key, const ObjectFormat& format) const;
  void insert(std::shared_ptr<const StoredBlock> block);
  void pin(Entries::iterator entry);
  void unpin(const StoredBlock* block);
  /// Takes the oldest idle blocks out until `bytes` more fit; all of them or none.
  bool evict_for(std::size_t bytes, std::vector<std::shared_ptr<const StoredBlock>>& evicted);
};

}  // namespace kvp2p
