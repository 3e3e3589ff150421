#include "storage/memory_store.h"

#include "storage/error.h"
#include "storage/memory_store_state.h"

#include <cassert>

namespace kvp2p {

BlockPin::BlockPin(BlockPin&& other) noexcept : store_(std::move(other.store_)), block_(std::move(other.block_)) {}

BlockPin& BlockPin::operator=(BlockPin&& other) noexcept {
  BlockPin moved(std::move(other));
  std::swap(store_, moved.store_);
  std::swap(block_, moved.block_);
  return *this;
}

BlockPin::~BlockPin() {
  if (!block_) return;
  std::lock_guard lock(store_->state_->mutex);
  store_->state_->unpin(block_.get());
  // Inside the lock, so that evictors see whether somebody else still holds the bytes.
  block_.reset();
}

BlockReservation::BlockReservation(BlockReservation&& other) noexcept
    : store_(std::move(other.store_)), format_(other.format_), bytes_(std::move(other.bytes_)) {}

BlockReservation& BlockReservation::operator=(BlockReservation&& other) noexcept {
  BlockReservation moved(std::move(other));
  std::swap(store_, moved.store_);
  std::swap(format_, moved.format_);
  std::swap(bytes_, moved.bytes_);
  return *this;
}

BlockReservation::~BlockReservation() {
  if (!store_) return;
  std::lock_guard lock(store_->state_->mutex);
  store_->state_->bytes_reserved -= format_.block_bytes();
}

std::shared_ptr<MemoryStore> MemoryStore::create(std::size_t bytes_max, Observer observer,
                                                 std::shared_ptr<BlockArena> arena) {
  std::shared_ptr<MemoryStore> store(new MemoryStore);
  store->state_ = std::make_shared<State>();
  store->state_->bytes_max = bytes_max;
  store->state_->observer = std::move(observer);
  store->state_->arena = std::move(arena);
  return store;
}

namespace {

/// The buffer of an evicted block of the same size that nobody else holds, or a new one.
std::shared_ptr<std::uint8_t[]> buffer_for(std::size_t bytes, BlockArena* arena,
                                           std::vector<std::shared_ptr<const StoredBlock>>& evicted) {
  for (auto& block : evicted) {
    if (block->format.block_bytes() == bytes && block.use_count() == 1 && block->bytes.use_count() == 1) {
      return block->bytes;
    }
  }
  return arena != nullptr ? arena->take(bytes) : std::make_shared_for_overwrite<std::uint8_t[]>(bytes);
}

}  // namespace

base::Result<BlockReservation> MemoryStore::reserve(const ObjectFormat& format) {
  if (!format.is_valid()) return StorageError::kBadFormat;
  const std::size_t bytes = format.block_bytes();
  std::vector<std::shared_ptr<const StoredBlock>> evicted;
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->evict_for(bytes, evicted)) {
      ++state_->refused_reservations;
      return StorageError::kNoRoom;
    }
    state_->bytes_reserved += bytes;
  }
  BlockReservation reservation;
  reservation.store_ = shared_from_this();
  reservation.format_ = format;
  reservation.bytes_ = buffer_for(bytes, state_->arena.get(), evicted);
  if (state_->observer.evicted) {
    for (const auto& block : evicted) state_->observer.evicted(block->key, block->format);
  }
  return reservation;
}

void MemoryStore::commit(BlockReservation reservation, const BlockKey& key, std::vector<ContentDigest> leaves) {
  assert(reservation && reservation.store_.get() == this);
  assert(leaves.size() == reservation.format().leaf_count());
  auto block = std::make_shared<StoredBlock>();
  block->key = key;
  block->format = reservation.format();
  block->bytes = std::move(reservation.bytes_);
  block->root = root_of(leaves);
  block->leaves = std::move(leaves);
  {
    std::lock_guard lock(state_->mutex);
    // The reservation gives back its room when it goes; what is stored takes it from now on.
    if (state_->holds_exactly(key, block->format)) return;
    state_->bytes_reserved -= block->format.block_bytes();
    state_->insert(block);
  }
  reservation.store_.reset();
  if (state_->observer.stored) state_->observer.stored(block->key, block->format);
}

BlockPin MemoryStore::find(const BlockKey& key, const ObjectFormat& wanted) {
  BlockPin pin;
  std::lock_guard lock(state_->mutex);
  auto* entry = state_->covering(key, wanted);
  if (entry == nullptr) return pin;
  state_->pin(*entry);
  pin.store_ = shared_from_this();
  pin.block_ = (*entry)->block;
  return pin;
}

bool MemoryStore::contains(const BlockKey& key, const ObjectFormat& wanted) const {
  std::lock_guard lock(state_->mutex);
  return state_->covering(key, wanted) != nullptr;
}

std::vector<std::pair<BlockKey, ObjectFormat>> MemoryStore::snapshot(std::size_t keys_max) const {
  std::vector<std::pair<BlockKey, ObjectFormat>> keys;
  std::lock_guard lock(state_->mutex);
  for (const State::Entries* entries : {&state_->pinned, &state_->idle}) {
    for (const State::Entry& entry : *entries) {
      if (keys.size() == keys_max) return keys;
      keys.emplace_back(entry.block->key, entry.block->format);
    }
  }
  return keys;
}

MemoryStoreStats MemoryStore::stats() const {
  std::lock_guard lock(state_->mutex);
  MemoryStoreStats stats;
  stats.blocks = state_->idle.size() + state_->pinned.size();
  stats.bytes = state_->bytes_stored + state_->bytes_reserved;
  stats.bytes_max = state_->bytes_max;
  stats.evicted_blocks = state_->evicted_blocks;
  stats.refused_reservations = state_->refused_reservations;
  return stats;
}

}  // namespace kvp2p
