// The engine's KV cache: pages of a few tokens in one region of host memory, addressed through block tables.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace kvp2p::engine {

/// Order of one layer's elements: [K|V][block][token][head][dim], or [K|V][block][head][token][dim].
enum class KvLayout { kNhd, kHnd };

enum class KvPlane : std::size_t { kKeys = 0, kValues = 1 };

/// Pages hold a multiple of this many tokens, the unit in which prefixes are shared.
inline constexpr std::size_t kPageTokensUnit = 16;

struct PagedKvCacheOptions {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t pages = 0;
  std::size_t page_tokens = kPageTokensUnit;
  KvLayout layout = KvLayout::kNhd;
};

/// The pages of one sequence, in the order of its tokens.
using BlockTable = std::vector<std::uint32_t>;

/// fp32. Owns its memory, which neither moves nor shrinks while the object lives, so that others may register it. Used
/// by one thread; a page that is being filled by somebody else is not touched until that is over.
class PagedKvCache {
 public:
  /// REQUIRES: page_tokens is a multiple of kPageTokensUnit and nothing is zero.
  explicit PagedKvCache(const PagedKvCacheOptions& options);

  const PagedKvCacheOptions& options() const { return options_; }
  std::span<std::byte> region() const;

  // Strides, in floats.
  std::size_t page_stride() const { return options_.page_tokens * options_.kv_heads * options_.head_dim; }
  std::size_t token_stride() const;
  std::size_t head_stride() const;
  /// Where head 0 of token 0 of page 0 lies, from the region's start.
  std::size_t base(std::size_t layer, KvPlane plane) const;

  /// Pages for `tokens` tokens; kOutOfKvBlocks if there are not enough. The caller gives them back by release().
  base::Result<BlockTable> allocate(std::size_t tokens);
  /// More pages for a sequence that grows to `tokens` tokens.
  base::Result<> extend(BlockTable& table, std::size_t tokens);
  void release(const BlockTable& table);
  std::size_t free_pages() const { return free_.size(); }

  /// One token's vectors of all heads, [head][dim].
  void write(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token, const float* vectors);
  /// One head's vectors of the first `tokens` tokens, [token][dim].
  void gather(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head, std::size_t tokens,
              float* out) const;

 private:
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(float* memory) const;
  };

  float* at(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t token, std::size_t head) const;

  PagedKvCacheOptions options_;
  std::unique_ptr<float[], Unmap> memory_;
  std::vector<std::uint32_t> free_;
};

}  // namespace kvp2p::engine
