// The engine's KV cache in a GPU's memory, bf16.
#pragma once

#include "engine/cuda/device_memory.h"
#include "engine/cuda/paged_kv.h"
#include "engine/cuda/stream.h"
#include "engine/kv_pages.h"

#include <memory>

namespace kvp2p::engine::cuda {

class CudaKvCache final : public KvPages {
 public:
  /// The stream, on which it is used, outlives it. kOutOfDeviceMemory.
  static base::Result<std::unique_ptr<CudaKvCache>> create(const Stream& stream, const KvPagesOptions& options);

  ElementType element() const override { return ElementType::kBf16; }
  RegionMemory memory() const override;
  base::Result<> read(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head, std::size_t tokens,
                      void* out) const override;

  /// Queues the upload of a sequence's table, unless it is there already. Until the next call views are of it.
  base::Result<> use_table(const BlockTable& table) const;
  /// REQUIRES: use_table().
  PagedKv view(std::size_t layer) const;

 private:
  CudaKvCache(const Stream& stream, const KvPagesOptions& options) : KvPages(options), stream_(stream) {}

  const Stream& stream_;
  DeviceMemory memory_;
  DeviceMemory entries_;
  // What `entries_` holds: reading may change it.
  mutable BlockTable table_;
};

}  // namespace kvp2p::engine::cuda
