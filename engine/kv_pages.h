// Pages of a few tokens that hold K and V, wherever their memory is: who has which, and where each element lies.
#pragma once

#include "base/result.h"
#include "gpu/connector.h"
#include "kv/element_type.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvp2p::engine {

/// Order of one layer's elements: [K|V][block][token][head][dim], or [K|V][block][head][token][dim].
enum class KvLayout { kNhd, kHnd };

enum class KvPlane : std::size_t { kKeys = 0, kValues = 1 };

/// Pages hold a multiple of this many tokens, the unit in which prefixes are shared.
inline constexpr std::size_t kPageTokensUnit = 16;

struct KvPagesOptions {
  std::size_t layers = 0;
  std::size_t kv_heads = 0;
  std::size_t head_dim = 0;
  std::size_t pages = 0;
  std::size_t page_tokens = kPageTokensUnit;
  KvLayout layout = KvLayout::kNhd;
};

/// The pages of one sequence, in the order of its tokens.
using BlockTable = std::vector<std::uint32_t>;

/// Used by one thread; a page that is being filled by somebody else is not touched until that is over.
class KvPages {
 public:
  /// REQUIRES: page_tokens is a multiple of kPageTokensUnit and nothing is zero.
  explicit KvPages(const KvPagesOptions& options);
  virtual ~KvPages() = default;

  const KvPagesOptions& options() const { return options_; }

  // Strides, in elements.
  std::size_t page_stride() const { return options_.page_tokens * options_.kv_heads * options_.head_dim; }
  std::size_t token_stride() const;
  std::size_t head_stride() const;
  /// Where head 0 of token 0 of page 0 lies, from the memory's start.
  std::size_t base(std::size_t layer, KvPlane plane) const;
  /// Of all pages.
  std::size_t elements() const { return options_.layers * 2 * options_.pages * page_stride(); }

  /// Pages for `tokens` tokens; kOutOfKvBlocks if there are not enough. The caller gives them back by release().
  base::Result<BlockTable> allocate(std::size_t tokens);
  /// More pages for a sequence that grows to `tokens` tokens.
  base::Result<> extend(BlockTable& table, std::size_t tokens);
  void release(const BlockTable& table);
  std::size_t free_pages() const { return free_.size(); }

  virtual ElementType element() const = 0;
  /// Neither moves nor shrinks while the object lives, so that others may register it.
  virtual RegionMemory memory() const = 0;
  /// One head's vectors of the first `tokens` tokens, [token][dim], to host memory. Waits for what writes them.
  virtual base::Result<> read(std::size_t layer, KvPlane plane, const BlockTable& table, std::size_t head,
                              std::size_t tokens, void* out) const = 0;

 private:
  KvPagesOptions options_;
  std::vector<std::uint32_t> free_;
};

}  // namespace kvp2p::engine
