// Memory for blocks, in slabs from the connector: pinned with a GPU, so that a gather writes straight into a block at
// the device's full speed.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace kvp2p {

/// A slab is one allocation, for blocks of one size: pinning costs 23 ms for 64 MiB, whatever it is cut into.
inline constexpr std::size_t kArenaSlabBytes = 64u << 20;
/// Blocks begin on a cache line, which every copy engine likes.
inline constexpr std::size_t kArenaAlignment = 64;

struct BlockArenaStats {
  std::size_t slabs = 0;
  std::size_t slab_bytes = 0;
  std::size_t blocks = 0;          // out of slabs
  std::uint64_t plain_blocks = 0;  // ever served from plain memory instead
};

/// Thread-safe. Blocks may be freed on any thread, and after the arena's owner has let go of it.
class BlockArena : public std::enable_shared_from_this<BlockArena> {
 public:
  /// Gives `bytes` of the wanted memory, or an error: then blocks come from plain memory, which is right but slower.
  using Allocate = std::function<base::Result<std::shared_ptr<std::uint8_t[]>>(std::size_t bytes)>;

  /// Slabs together never exceed `bytes_max` rounded up to a slab; beyond it (blocks of several sizes may leave slabs
  /// half empty) blocks are plain memory too.
  static std::shared_ptr<BlockArena> create(std::size_t bytes_max, Allocate allocate,
                                            std::size_t slab_bytes = kArenaSlabBytes);

  /// Uninitialised memory. REQUIRES: block_bytes > 0.
  std::shared_ptr<std::uint8_t[]> take(std::size_t block_bytes);
  BlockArenaStats stats() const;

 private:
  struct Slab {
    std::shared_ptr<std::uint8_t[]> memory;
    std::size_t bytes = 0;
    std::size_t blocks = 0;
    std::vector<std::uint8_t*> free;
  };
  /// By the address of their first byte.
  using Slabs = std::map<std::uint8_t*, Slab>;

  BlockArena() = default;
  std::uint8_t* take_free(std::size_t stride);
  /// The new slab's first block; null if there is to be no slab.
  std::uint8_t* grow(std::size_t stride);
  void give_back(std::size_t stride, std::uint8_t* block);

  mutable std::mutex mutex_;
  Allocate allocate_;
  std::size_t bytes_max_ = 0;
  std::size_t slab_bytes_ = kArenaSlabBytes;
  /// By the distance between blocks.
  std::map<std::size_t, Slabs> by_stride_;
  /// Of all slabs, those being allocated too.
  std::size_t bytes_ = 0;
  std::size_t blocks_ = 0;
  /// One empty slab is kept, so that a single block that comes and goes does not pin and unpin.
  std::size_t empty_slabs_ = 0;
  std::uint64_t plain_blocks_ = 0;
  bool refused_ = false;
};

}  // namespace kvp2p
