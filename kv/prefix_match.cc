#include "kv/prefix_match.h"

#include "kv/object_format.h"

#include <algorithm>

namespace kvp2p {

namespace {

// Whether the heads of `wanted` are covered in all layers from `layer_begin` to `layer_end`, between which no shard of
// `held`, which is sorted by head_begin, begins or ends.
bool heads_covered(std::span<const ShardRange> held, const ShardRange& wanted, std::uint32_t layer_begin,
                   std::uint32_t layer_end) {
  std::uint32_t covered_to = wanted.head_begin;
  for (const ShardRange& shard : held) {
    if (shard.layer_begin > layer_begin || shard.layer_end < layer_end) continue;
    if (shard.head_begin > covered_to) return false;
    covered_to = std::max(covered_to, shard.head_end);
    if (covered_to >= wanted.head_end) return true;
  }
  return false;
}

}  // namespace

std::size_t full_blocks(std::size_t tokens) { return tokens / kBlockTokens; }

std::size_t matchable_blocks(std::size_t tokens) { return tokens == 0 ? 0 : (tokens - 1) / kBlockTokens; }

std::size_t leading_run(std::span<const std::uint8_t> present) {
  return static_cast<std::size_t>(std::ranges::find(present, 0) - present.begin());
}

bool cover(std::span<const ShardRange> held, const ShardRange& wanted) {
  if (!wanted.is_valid()) return false;
  std::vector<ShardRange> sorted(held.begin(), held.end());
  std::ranges::sort(sorted, {}, &ShardRange::head_begin);
  // Layers at which the set of shards changes.
  std::vector<std::uint32_t> cuts{wanted.layer_begin, wanted.layer_end};
  for (const ShardRange& shard : held) {
    for (std::uint32_t cut : {shard.layer_begin, shard.layer_end}) {
      if (cut > wanted.layer_begin && cut < wanted.layer_end) cuts.push_back(cut);
    }
  }
  std::ranges::sort(cuts);
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    if (cuts[i] < cuts[i + 1] && !heads_covered(sorted, wanted, cuts[i], cuts[i + 1])) return false;
  }
  return true;
}

}  // namespace kvp2p
