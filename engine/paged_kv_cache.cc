#include "engine/paged_kv_cache.h"

#include "engine/engine_error.h"

#include <sys/mman.h>

#include <cassert>
#include <cstring>
#include <new>

namespace kvp2p::engine {
namespace {

std::size_t count_floats(const PagedKvCacheOptions& o) {
  return o.layers * 2 * o.pages * o.page_tokens * o.kv_heads * o.head_dim;
}

/// Zeroed pages from the kernel, aligned for any device; only what is written costs memory.
float* map_floats(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<float*>(memory);
}

}  // namespace

void PagedKvCache::Unmap::operator()(float* memory) const { ::munmap(memory, bytes); }

PagedKvCache::PagedKvCache(const PagedKvCacheOptions& options)
    : options_(options),
      memory_(map_floats(count_floats(options) * sizeof(float)), Unmap{count_floats(options) * sizeof(float)}) {
  assert(count_floats(options) > 0 && options.page_tokens % kPageTokensUnit == 0);
  // Taken from the back: a fresh cache gives neighbouring tokens neighbouring pages, which copy as one run.
  for (std::size_t page = options.pages; page > 0; --page) free_.push_back(static_cast<std::uint32_t>(page - 1));
}

std::span<std::byte> PagedKvCache::region() const {
  return {reinterpret_cast<std::byte*>(memory_.get()), memory_.get_deleter().bytes};
}

std::size_t PagedKvCache::token_stride() const {
  return options_.layout == KvLayout::kNhd ? options_.kv_heads * options_.head_dim : options_.head_dim;
}

std::size_t PagedKvCache::head_stride() const {
  return options_.layout == KvLayout::kNhd ? options_.head_dim : options_.page_tokens * options_.head_dim;
}

std::size_t PagedKvCache::base(std::size_t layer, KvPlane plane) const {
  return (layer * 2 + static_cast<std::size_t>(plane)) * options_.pages * page_stride();
}

base::Result<BlockTable> PagedKvCache::allocate(std::size_t tokens) {
  BlockTable table;
  if (auto ok = extend(table, tokens); !ok) return ok.error();
  return table;
}

base::Result<> PagedKvCache::extend(BlockTable& table, std::size_t tokens) {
  const std::size_t wanted = (tokens + options_.page_tokens - 1) / options_.page_tokens;
  if (wanted > table.size() + free_.size()) return EngineError::kOutOfKvBlocks;
  while (table.size() < wanted) {
    table.push_back(free_.back());
    free_.pop_back();
  }
  return {};
}

void PagedKvCache::release(const BlockTable& table) { free_.insert(free_.end(), table.rbegin(), table.rend()); }

float* PagedKvCache::at(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token,
                        std::size_t head) const {
  assert(layer < options_.layers && token / options_.page_tokens < table.size());
  const std::size_t page = table[token / options_.page_tokens];
  return memory_.get() + base(layer, plane) + page * page_stride() + token % options_.page_tokens * token_stride() +
         head * head_stride();
}

void PagedKvCache::write(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token,
                         const float* vectors) {
  for (std::size_t head = 0; head < options_.kv_heads; ++head) {
    std::memcpy(at(layer, plane, table, token, head), vectors + head * options_.head_dim,
                options_.head_dim * sizeof(float));
  }
}

void PagedKvCache::gather(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head,
                          std::size_t tokens, float* out) const {
  const std::size_t dim = options_.head_dim;
  for (std::size_t token = 0; token < tokens;) {
    const std::size_t in_page = std::min(options_.page_tokens, tokens - token);
    const float* from = at(layer, plane, table, token, head);
    for (std::size_t i = 0; i < in_page; ++i) {
      std::memcpy(out + (token + i) * dim, from + i * token_stride(), dim * sizeof(float));
    }
    token += in_page;
  }
}

}  // namespace kvp2p::engine
