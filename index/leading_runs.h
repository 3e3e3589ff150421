// Of many holders, those that hold the longest leading run of a prompt's blocks.
#pragma once

#include "index/held_blocks.h"

#include <span>
#include <vector>

namespace kvp2p {

/// One that may hold some of them. `number` says who; of runs that count for the same the smaller number comes first.
struct RunCandidate {
  HeldBlocks::View blocks;
  std::uint32_t number = 0;
  /// The share of what it says that is believed: a run counts for so much. Above 0.
  double belief = 1;
};

struct LeadingRun {
  std::uint32_t number = 0;
  std::size_t blocks = 0;
};

/// Beyond as many as are wanted, runs that are followed to their end: those who claim a run and hold it with gaps cost
/// no more than these.
inline constexpr std::size_t kMoreRunsFollowed = 32;

/// At most `runs_max`, those first that count for most, none empty. `hashes` are of the blocks' prefixes, in order.
/// Whoever is in the answer holds every block of its run; who is not in it holds none that counts for more, unless more
/// than runs_max + kMoreRunsFollowed candidates had to be followed.
std::vector<LeadingRun> longest_leading_runs(std::span<const RunCandidate> candidates,
                                             std::span<const std::uint64_t> hashes, std::size_t runs_max);

}  // namespace kvp2p
