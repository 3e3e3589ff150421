// Whether a prompt's KV is fetched or computed again: pure.
#pragma once

#include "cache/core_types.h"
#include "cache/peer_estimates.h"
#include "cache/prefill_rates.h"

#include <optional>
#include <string>
#include <vector>

namespace kvp2p {

struct FetchQuestion {
  std::size_t block_bytes = 0;
  /// Of each leading block that was matched, who has it, as indices into `sources`; none for a block that is here.
  std::vector<std::vector<std::size_t>> holders;
  /// Nothing for one that was not measured lately.
  std::vector<std::optional<PathEstimate>> sources;
  std::optional<PrefillRate> prefill;
};

struct FetchDecision {
  enum class Kind : std::uint8_t { kNothingToFetch, kAsConfigured, kUnmeasured, kFetch, kFetchPart, kRecompute };
  Kind kind = Kind::kNothingToFetch;
  /// Leading blocks to take, those that are here included.
  std::size_t blocks = 0;
  /// What computing all that is not here takes; 0 if that is not known.
  base::Duration compute_time{};
  /// What and why, for people; empty if there is nothing to fetch.
  std::string text;
};

/// Takes as many leading blocks as make the whole be there soonest, the rest computed after they have come. Of what is
/// not known the answer is to fetch: so it is measured. What is here is always taken.
FetchDecision decide_fetch(const FetchQuestion& question, FetchPolicy policy);

}  // namespace kvp2p
