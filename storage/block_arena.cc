#include "storage/block_arena.h"

#include "base/log.h"

#include <algorithm>

namespace kvp2p {

std::shared_ptr<BlockArena> BlockArena::create(std::size_t bytes_max, Allocate allocate, std::size_t slab_bytes) {
  std::shared_ptr<BlockArena> arena(new BlockArena);
  arena->allocate_ = std::move(allocate);
  arena->slab_bytes_ = std::max(slab_bytes, kArenaAlignment);
  arena->bytes_max_ = (bytes_max + arena->slab_bytes_ - 1) / arena->slab_bytes_ * arena->slab_bytes_;
  return arena;
}

std::shared_ptr<std::uint8_t[]> BlockArena::take(std::size_t block_bytes) {
  const std::size_t stride = (block_bytes + kArenaAlignment - 1) / kArenaAlignment * kArenaAlignment;
  std::uint8_t* block = take_free(stride);
  if (block == nullptr) block = grow(stride);
  if (block == nullptr) return std::make_shared_for_overwrite<std::uint8_t[]>(block_bytes);
  return std::shared_ptr<std::uint8_t[]>(
      block, [arena = shared_from_this(), stride](std::uint8_t* bytes) { arena->give_back(stride, bytes); });
}

std::uint8_t* BlockArena::take_free(std::size_t stride) {
  std::lock_guard lock(mutex_);
  const auto slabs = by_stride_.find(stride);
  if (slabs == by_stride_.end()) return nullptr;
  for (auto& [start, slab] : slabs->second) {
    if (slab.free.empty()) continue;
    if (slab.free.size() == slab.blocks) --empty_slabs_;
    std::uint8_t* block = slab.free.back();
    slab.free.pop_back();
    ++blocks_;
    return block;
  }
  return nullptr;
}

std::uint8_t* BlockArena::grow(std::size_t stride) {
  Slab slab;
  slab.blocks = std::max<std::size_t>(1, slab_bytes_ / stride);
  slab.bytes = slab.blocks * stride;
  {
    std::lock_guard lock(mutex_);
    if (refused_ || slab.bytes > bytes_max_ || bytes_ > bytes_max_ - slab.bytes) {
      ++plain_blocks_;
      return nullptr;
    }
    bytes_ += slab.bytes;
  }
  // Without the lock: pinning is slow, and others free blocks meanwhile.
  auto memory = allocate_(slab.bytes);
  std::lock_guard lock(mutex_);
  if (!memory) {
    // No second try: a machine out of pinnable memory would pay for one with every block.
    if (!std::exchange(refused_, true)) {
      LOG_WARN(
          "the block store gets no more pinned memory after {} MiB ({}): copies to and from the GPU will be slower",
          (bytes_ - slab.bytes) >> 20, memory.error().message());
    }
    bytes_ -= slab.bytes;
    ++plain_blocks_;
    return nullptr;
  }
  slab.memory = std::move(*memory);
  std::uint8_t* start = slab.memory.get();
  for (std::size_t i = slab.blocks; i-- > 1;) slab.free.push_back(start + i * stride);
  by_stride_[stride].emplace(start, std::move(slab));
  ++blocks_;
  return start;
}

void BlockArena::give_back(std::size_t stride, std::uint8_t* block) {
  // Freed after the lock is given up: unpinning is slow too.
  Slab gone;
  std::lock_guard lock(mutex_);
  auto slabs = by_stride_.find(stride);
  auto found = std::prev(slabs->second.upper_bound(block));
  found->second.free.push_back(block);
  --blocks_;
  if (found->second.free.size() < found->second.blocks) return;
  if (empty_slabs_ == 0) {
    ++empty_slabs_;
    return;
  }
  gone = std::move(found->second);
  bytes_ -= gone.bytes;
  slabs->second.erase(found);
  if (slabs->second.empty()) by_stride_.erase(slabs);
}

BlockArenaStats BlockArena::stats() const {
  std::lock_guard lock(mutex_);
  BlockArenaStats stats;
  for (const auto& [stride, slabs] : by_stride_) stats.slabs += slabs.size();
  stats.slab_bytes = bytes_;
  stats.blocks = blocks_;
  stats.plain_blocks = plain_blocks_;
  return stats;
}

}  // namespace kvp2p
