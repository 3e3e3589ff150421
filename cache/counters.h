// What has happened since the node started.
#pragma once

#include <atomic>
#include <cstdint>

namespace kvp2p {

/// Any thread. Each counter is exact; together they are not one instant's picture.
struct CacheCounters {
  std::atomic<std::uint64_t> matches{0}, matches_joined{0};
  std::atomic<std::uint64_t> blocks_asked{0}, blocks_matched_local{0}, blocks_matched_peer{0};
  // What matches with blocks at peers decided, and blocks that were left to be computed again.
  std::atomic<std::uint64_t> decided_fetch{0}, decided_fetch_part{0}, decided_recompute{0}, decided_unmeasured{0};
  std::atomic<std::uint64_t> blocks_left_to_recompute{0};
  std::atomic<std::uint64_t> transfers{0}, transfers_short{0};
  std::atomic<std::uint64_t> bytes_from_peers{0}, bytes_from_local{0};
  std::atomic<std::uint64_t> frames_corrupt{0}, blocks_failed{0}, fetches_retried{0};
  // Fetches in pieces: asked for, taken from a source that had not begun, asked for twice because the first was late,
  // of those the ones that came first, and their bytes.
  std::atomic<std::uint64_t> pieces{0}, pieces_moved{0}, hedges{0}, hedges_won{0}, hedge_bytes{0};
  std::atomic<std::uint64_t> transfers_of_many{0};  // that more than one peer had a part in
  std::atomic<std::uint64_t> strangers_tried{0};    // asked for a slice that was here already (stranger_trial.h)
  std::atomic<std::uint64_t> puts{0}, blocks_published{0}, blocks_dropped{0};
  std::atomic<std::uint64_t> offers{0};
  // Reads of offered blocks for peers, layer by layer; several run at once, so this is more than the time that passed.
  std::atomic<std::uint64_t> serve_gather_ns{0}, serve_digest_ns{0};
  std::atomic<std::uint64_t> direct_transfers{0}, direct_bytes{0}, direct_fallbacks{0}, direct_stale_blocks{0};
};

}  // namespace kvp2p
