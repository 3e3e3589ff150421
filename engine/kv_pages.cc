#include "engine/kv_pages.h"

#include "engine/engine_error.h"

#include <cassert>

namespace kvp2p::engine {

KvPages::KvPages(const KvPagesOptions& options) : options_(options) {
  assert(elements() > 0 && options.page_tokens % kPageTokensUnit == 0);
  // Taken from the back: a fresh cache gives neighbouring tokens neighbouring pages, which copy as one run.
  for (std::size_t page = options.pages; page > 0; --page) free_.push_back(static_cast<std::uint32_t>(page - 1));
}

std::size_t KvPages::token_stride() const {
  return options_.layout == KvLayout::kNhd ? options_.kv_heads * options_.head_dim : options_.head_dim;
}

std::size_t KvPages::head_stride() const {
  return options_.layout == KvLayout::kNhd ? options_.head_dim : options_.page_tokens * options_.head_dim;
}

std::size_t KvPages::base(std::size_t layer, KvPlane plane) const {
  return (layer * 2 + static_cast<std::size_t>(plane)) * options_.pages * page_stride();
}

base::Result<BlockTable> KvPages::allocate(std::size_t tokens) {
  BlockTable table;
  if (auto ok = extend(table, tokens); !ok) return ok.error();
  return table;
}

base::Result<> KvPages::extend(BlockTable& table, std::size_t tokens) {
  const std::size_t wanted = (tokens + options_.page_tokens - 1) / options_.page_tokens;
  if (wanted > table.size() + free_.size()) return EngineError::kOutOfKvBlocks;
  while (table.size() < wanted) {
    table.push_back(free_.back());
    free_.pop_back();
  }
  return {};
}

void KvPages::release(const BlockTable& table) { free_.insert(free_.end(), table.rbegin(), table.rend()); }

}  // namespace kvp2p::engine
