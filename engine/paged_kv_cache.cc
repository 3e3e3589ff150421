#include "engine/paged_kv_cache.h"

#include <cassert>
#include <cstring>
#include <new>

namespace kvp2p::engine {
namespace {

SharedMemory allocate_shared(std::size_t bytes) {
  auto memory = SharedMemory::create(bytes);
  if (!memory) throw std::bad_alloc();
  return std::move(*memory);
}

}  // namespace

PagedKvCache::PagedKvCache(const PagedKvCacheOptions& options)
    : KvPages(options), memory_(allocate_shared(elements() * sizeof(float))) {}

std::span<std::byte> PagedKvCache::region() const {
  return {reinterpret_cast<std::byte*>(memory_.data()), memory_.size()};
}

base::Result<> PagedKvCache::read(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head,
                                  std::size_t tokens, void* out) const {
  gather(layer, plane, table, head, tokens, static_cast<float*>(out));
  return {};
}

float* PagedKvCache::at(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token,
                        std::size_t head) const {
  const std::size_t page_tokens = options().page_tokens;
  assert(layer < options().layers && token / page_tokens < table.size());
  const std::size_t page = table[token / page_tokens];
  return reinterpret_cast<float*>(memory_.data()) + base(layer, plane) + page * page_stride() +
         token % page_tokens * token_stride() + head * head_stride();
}

void PagedKvCache::write(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token,
                         const float* vectors) {
  for (std::size_t head = 0; head < options().kv_heads; ++head) {
    std::memcpy(at(layer, plane, table, token, head), vectors + head * options().head_dim,
                options().head_dim * sizeof(float));
  }
}

void PagedKvCache::gather(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head,
                          std::size_t tokens, float* out) const {
  const std::size_t dim = options().head_dim;
  for (std::size_t token = 0; token < tokens;) {
    const std::size_t in_page = std::min(options().page_tokens, tokens - token);
    const float* from = at(layer, plane, table, token, head);
    for (std::size_t i = 0; i < in_page; ++i) {
      std::memcpy(out + (token + i) * dim, from + i * token_stride(), dim * sizeof(float));
    }
    token += in_page;
  }
}

}  // namespace kvp2p::engine
