#include "storage/memory_store_state.h"

namespace kvp2p {

MemoryStore::State::Entries::iterator* MemoryStore::State::covering(const BlockKey& key, const ObjectFormat& wanted) {
  auto [first, last] = by_key.equal_range(key);
  for (; first != last; ++first) {
    const ObjectFormat& held = first->second->block->format;
    if (held.same_encoding(wanted) && held.shard.covers(wanted.shard)) return &first->second;
  }
  return nullptr;
}

bool MemoryStore::State::holds_exactly(const BlockKey& key, const ObjectFormat& format) const {
  auto [first, last] = by_key.equal_range(key);
  return std::any_of(first, last, [&](const auto& entry) { return entry.second->block->format == format; });
}

void MemoryStore::State::insert(std::shared_ptr<const StoredBlock> block) {
  bytes_stored += block->format.block_bytes();
  idle.push_front(Entry{block, 0});
  by_key.emplace(block->key, idle.begin());
  by_block.emplace(block.get(), idle.begin());
}

void MemoryStore::State::pin(Entries::iterator entry) {
  Entries& from = entry->pins == 0 ? idle : pinned;
  pinned.splice(pinned.begin(), from, entry);
  ++entry->pins;
}

void MemoryStore::State::unpin(const StoredBlock* block) {
  auto entry = by_block.at(block);
  if (--entry->pins == 0) idle.splice(idle.begin(), pinned, entry);
}

bool MemoryStore::State::evict_for(std::size_t bytes, std::vector<std::shared_ptr<const StoredBlock>>& evicted) {
  if (bytes > bytes_max) return false;
  const std::size_t used_max = bytes_max - bytes;
  std::size_t used = bytes_stored + bytes_reserved;
  // First see whether it is enough: a block that cannot be stored must not cost others their place.
  auto oldest_kept = idle.end();
  while (used > used_max) {
    if (oldest_kept == idle.begin()) return false;
    --oldest_kept;
    used -= oldest_kept->block->format.block_bytes();
  }
  while (oldest_kept != idle.end()) {
    auto [first, last] = by_key.equal_range(oldest_kept->block->key);
    by_key.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == oldest_kept; }));
    by_block.erase(oldest_kept->block.get());
    bytes_stored -= oldest_kept->block->format.block_bytes();
    ++evicted_blocks;
    evicted.push_back(std::move(oldest_kept->block));
    oldest_kept = idle.erase(oldest_kept);
  }
  return true;
}

}  // namespace kvp2p
