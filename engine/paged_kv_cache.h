// The engine's KV cache in host memory, fp32, addressed through block tables.
#pragma once

#include "engine/kv_pages.h"
#include "gpu/shared_memory.h"

#include <span>

namespace kvp2p::engine {

using PagedKvCacheOptions = KvPagesOptions;

/// Owns its memory, which other processes of the host can be given.
class PagedKvCache final : public KvPages {
 public:
  explicit PagedKvCache(const PagedKvCacheOptions& options);

  std::span<std::byte> region() const;

  ElementType element() const override { return ElementType::kF32; }
  RegionMemory memory() const override { return memory_.as_region(); }
  base::Result<> read(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head, std::size_t tokens,
                      void* out) const override;

  /// One token's vectors of all heads, [head][dim].
  void write(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token, const float* vectors);
  /// One head's vectors of the first `tokens` tokens, [token][dim].
  void gather(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head, std::size_t tokens,
              float* out) const;

 private:
  float* at(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token, std::size_t head) const;

  SharedMemory memory_;
};

}  // namespace kvp2p::engine
