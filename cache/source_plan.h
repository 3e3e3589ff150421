// Which block comes from where: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace kvp2p {

inline constexpr int kNoSource = -1;
inline constexpr int kLocalSource = 0;

/// What one peer holds of the keys from `first` on.
struct Holding {
  std::size_t first = 0;
  std::vector<std::uint8_t> present;
  /// Measured or promised; decides between equals.
  std::uint64_t bytes_per_second = 0;

  bool has(std::size_t block) const {
    return block >= first && block - first < present.size() && present[block - first] != 0;
  }
  /// End of the run of blocks that starts at `block`, at most `limit`.
  std::size_t run_end(std::size_t block, std::size_t limit) const;
};

/// For each block: kLocalSource, 1 + index into `peers`, or kNoSource. What is here is taken from here; for the rest,
/// from each block on, the peer whose run reaches furthest, so that a prefix is cut into few pieces.
std::vector<int> plan_sources(std::span<const std::uint8_t> local, std::span<const Holding> peers);

/// Leading blocks that have a source.
std::size_t leading_blocks(std::span<const int> sources);

}  // namespace kvp2p
