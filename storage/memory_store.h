// Blocks in host memory: bounded, least recently used first out, pinned while somebody reads them.
#pragma once

#include "base/result.h"
#include "kv/block_key.h"
#include "kv/content_digest.h"
#include "kv/object_format.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace kvp2p {

/// A stored block. Its bytes, in wire order, never change once it is in the store.
struct StoredBlock {
  BlockKey key;
  ObjectFormat format;
  std::shared_ptr<std::uint8_t[]> bytes;  // format.block_bytes()
  std::vector<ContentDigest> leaves;      // format.leaf_count(), wire order
  ContentDigest root;
};

class BlockArena;
class MemoryStore;

/// Keeps a block in the store: while a pin lives, the block is not evicted. Moves, does not copy; any thread.
class BlockPin {
 public:
  BlockPin() = default;
  BlockPin(BlockPin&& other) noexcept;
  BlockPin& operator=(BlockPin&& other) noexcept;
  ~BlockPin();
  explicit operator bool() const { return block_ != nullptr; }
  const StoredBlock& operator*() const { return *block_; }
  const StoredBlock* operator->() const { return block_.get(); }

 private:
  friend class MemoryStore;
  std::shared_ptr<MemoryStore> store_;
  std::shared_ptr<const StoredBlock> block_;
};

/// Room taken for a block that is being filled. Given back when destroyed without commit().
class BlockReservation {
 public:
  BlockReservation() = default;
  BlockReservation(BlockReservation&& other) noexcept;
  BlockReservation& operator=(BlockReservation&& other) noexcept;
  ~BlockReservation();
  explicit operator bool() const { return store_ != nullptr; }
  std::uint8_t* bytes() const { return bytes_.get(); }
  const ObjectFormat& format() const { return format_; }

 private:
  friend class MemoryStore;
  std::shared_ptr<MemoryStore> store_;
  ObjectFormat format_;
  std::shared_ptr<std::uint8_t[]> bytes_;
};

struct MemoryStoreStats {
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  std::size_t bytes_max = 0;
  std::uint64_t evicted_blocks = 0;
  std::uint64_t refused_reservations = 0;
};

/// Thread-safe.
class MemoryStore : public std::enable_shared_from_this<MemoryStore> {
 public:
  /// Called without the store's lock, on the thread whose call caused it: blocks now present, blocks now gone.
  struct Observer {
    std::function<void(const BlockKey&, const ObjectFormat&)> stored;
    std::function<void(const BlockKey&, const ObjectFormat&)> evicted;
  };

  /// `bytes_max` bounds reserved and stored payload together. Blocks lie in `arena`, or in plain memory without one.
  static std::shared_ptr<MemoryStore> create(std::size_t bytes_max, Observer observer = {},
                                             std::shared_ptr<BlockArena> arena = nullptr);

  /// Takes room for one block, evicting what is oldest and not pinned. StorageError::kNoRoom if that is not enough:
  /// the caller drops the block.
  base::Result<BlockReservation> reserve(const ObjectFormat& format);
  /// Makes a filled block visible. If the same key and shard is there already, the new one is dropped.
  /// REQUIRES: leaves.size() == format.leaf_count().
  void commit(BlockReservation reservation, const BlockKey& key, std::vector<ContentDigest> leaves);

  /// The block whose format has the same encoding and covers `wanted.shard`; an empty pin if there is none. Counts as
  /// a use.
  BlockPin find(const BlockKey& key, const ObjectFormat& wanted);
  /// The same without pinning or counting as a use.
  bool contains(const BlockKey& key, const ObjectFormat& wanted) const;

  /// Every key that is present, newest first, at most `keys_max`: what a new peer is told.
  std::vector<std::pair<BlockKey, ObjectFormat>> snapshot(std::size_t keys_max) const;

  MemoryStoreStats stats() const;

 private:
  friend class BlockPin;
  friend class BlockReservation;
  struct State;
  MemoryStore() = default;
  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
