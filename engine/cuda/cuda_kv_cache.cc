#include "engine/cuda/cuda_kv_cache.h"

#include "engine/cuda/kernels.h"

#include <cassert>
#include <vector>

namespace kvp2p::engine::cuda {

base::Result<std::unique_ptr<CudaKvCache>> CudaKvCache::create(const Stream& stream, const KvPagesOptions& options) {
  std::unique_ptr<CudaKvCache> cache(new CudaKvCache(stream, options));
  auto memory = DeviceMemory::allocate(stream.device(), cache->elements() * sizeof(std::uint16_t));
  if (!memory) return memory.error();
  const std::size_t entries = options.pages * (options.page_tokens / kTokensPerEntry);
  auto table = DeviceMemory::allocate(stream.device(), entries * sizeof(std::uint64_t));
  if (!table) return table.error();
  cache->memory_ = std::move(*memory);
  cache->entries_ = std::move(*table);
  return cache;
}

RegionMemory CudaKvCache::memory() const { return {.start = memory_.data(), .bytes = memory_.size()}; }

base::Result<> CudaKvCache::use_table(const BlockTable& table) const {
  if (table == table_) return {};
  const auto page_tokens = static_cast<std::uint32_t>(options().page_tokens);
  std::vector<std::uint64_t> entries;
  for (std::uint32_t i = 0; i < table.size() * (page_tokens / kTokensPerEntry); ++i) {
    entries.push_back(
        block_entry(i, table[i / (page_tokens / kTokensPerEntry)], page_tokens, page_stride(), token_stride()));
  }
  assert(entries.size() * sizeof(std::uint64_t) <= entries_.size());
  table_.clear();
  if (auto ok = stream_.copy(entries_.data(), entries.data(), entries.size() * sizeof(std::uint64_t)); !ok) return ok;
  // `entries` goes out of scope.
  if (auto ok = stream_.synchronize(); !ok) return ok;
  table_ = table;
  return {};
}

PagedKv CudaKvCache::view(std::size_t layer) const {
  auto* start = static_cast<std::uint16_t*>(memory_.data());
  PagedKv view;
  view.k = start + base(layer, KvPlane::kKeys);
  view.v = start + base(layer, KvPlane::kValues);
  view.blocks = static_cast<const std::uint64_t*>(entries_.data());
  view.token_stride = token_stride();
  view.head_stride = head_stride();
  return view;
}

base::Result<> CudaKvCache::read(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head,
                                 std::size_t tokens, void* out) const {
  if (tokens == 0) return {};
  const DeviceScope scope(stream_.device());
  if (auto ok = use_table(table); !ok) return ok;
  const std::size_t bytes = tokens * options().head_dim * sizeof(std::uint16_t);
  auto contiguous = DeviceMemory::allocate(stream_.device(), bytes);
  if (!contiguous) return contiguous.error();
  const PagedKv kv = view(layer);
  gather_head(kv, plane == KvPlane::kKeys ? kv.k : kv.v, static_cast<std::uint32_t>(head),
              static_cast<std::uint32_t>(options().head_dim), static_cast<std::uint32_t>(tokens),
              static_cast<std::uint16_t*>(contiguous->data()), stream_.get());
  auto ok = stream_.check_launches();
  if (ok) ok = stream_.copy(out, contiguous->data(), bytes);
  // Whatever happened: what is queued must not use `contiguous` any more.
  const auto waited = stream_.synchronize();
  return ok ? waited : ok;
}

}  // namespace kvp2p::engine::cuda
