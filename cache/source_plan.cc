#include "cache/source_plan.h"

#include <algorithm>

namespace kvp2p {

std::size_t Holding::run_end(std::size_t block, std::size_t limit) const {
  while (block < limit && has(block)) ++block;
  return block;
}

namespace {

/// End of what `holding` and this node together have from `block` on.
std::size_t reach(std::span<const std::uint8_t> local, const Holding& holding, std::size_t block) {
  while (block < local.size() && (local[block] != 0 || holding.has(block))) ++block;
  return block;
}

}  // namespace

std::vector<int> plan_sources(std::span<const std::uint8_t> local, std::span<const Holding> peers) {
  std::vector<int> sources(local.size(), kNoSource);
  std::size_t block = 0;
  while (block < local.size()) {
    if (local[block] != 0) {
      sources[block++] = kLocalSource;
      continue;
    }
    int best = kNoSource;
    std::size_t best_end = block;
    for (std::size_t p = 0; p < peers.size(); ++p) {
      if (!peers[p].has(block)) continue;
      const std::size_t end = reach(local, peers[p], block);
      const bool faster =
          end == best_end && best != kNoSource && peers[p].bytes_per_second > peers[best - 1].bytes_per_second;
      if (end > best_end || faster) {
        best = static_cast<int>(p) + 1;
        best_end = end;
      }
    }
    if (best == kNoSource) {
      ++block;
      continue;
    }
    for (; block < best_end; ++block) sources[block] = local[block] != 0 ? kLocalSource : best;
  }
  return sources;
}

std::size_t leading_blocks(std::span<const int> sources) {
  return std::find(sources.begin(), sources.end(), kNoSource) - sources.begin();
}

}  // namespace kvp2p
