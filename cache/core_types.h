// What the core calls take and give (provider/kv_core.h has the calls).
//
// Values; nothing here is shared or locked.
#pragma once

#include "base/clock.h"
#include "gpu/connector.h"
#include "gpu/layout.h"
#include "gpu/ready_event.h"
#include "kv/block_key.h"
#include "kv/model_spec.h"
#include "kv/object_format.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace kvp2p {

enum class MatchId : std::uint64_t {};
enum class TransferId : std::uint64_t {};
enum class PutId : std::uint64_t {};
enum class OfferId : std::uint64_t {};

enum class Source : std::uint8_t { kNone, kLocal, kPeer };

enum class FetchPolicy : std::uint8_t {
  kAlways,  // whatever peers have is fetched
  kAuto,    // only what will be there before recomputing would be done; what was not measured yet is fetched
};

struct MatchRequest {
  Fingerprint fingerprint;
  std::vector<BlockKey> keys;
  /// Element type and every shard that must be there for a hit (one for each tensor-parallel rank): a block counts only
  /// if all are.
  std::vector<ObjectFormat> shards;
  base::TimePoint deadline;
};

struct MatchStatus {
  bool pending = true;
  /// Leading blocks that can be had now.
  std::size_t blocks = 0;
  /// Of them, those that are there sooner by a get() than by computing them again. An engine that gets no more computes
  /// the rest; get() gives all.
  std::size_t worth_fetching = 0;
  /// What was decided and why: "recompute: 1,024 tokens in 12 ms at 85,000 tokens/s, fetch would take 40 ms at
  /// 3.1 MB/s". Empty if nothing is to be fetched from peers.
  std::string decision;
  /// One a key; may have bits after a gap.
  std::vector<bool> present;
  /// One a key.
  std::vector<Source> sources;
  /// Why it is not more, if there is something to say ("peer 12D3…: kv_element ours f32, theirs bf16").
  std::string reason;
};

struct GetRequest {
  MatchId match{};
  /// The shard of the match's `shards` that this process wants: an index.
  std::size_t shard = 0;
  RegionId region{};
  /// Blocks [first_block, first_block + slots.size()) of the match go to these slots, in order.
  std::size_t first_block = 0;
  std::vector<Slot> slots;
  /// Order in which layers are wanted, as region layer indices; empty: ascending.
  std::vector<std::uint32_t> layer_order;
  /// The engine's last use of the destination.
  ReadyEvent ready;
  base::TimePoint deadline;
};

struct TransferStatus {
  bool done = false;
  /// Leading blocks of the request that are good in all layers delivered so far. Falls when a block fails; final once
  /// done. Everything after the first failed block has failed too.
  std::size_t good_blocks = 0;
  std::size_t layers_ready = 0;
  std::string reason;  // why not all, for people
};

/// Where a transfer's time went. Stages overlap: their sum is more than the total.
struct TransferReport {
  std::size_t bytes_from_peers = 0;
  std::size_t wire_bytes_from_peers = 0;  // the same as they travelled: fewer where they were compressed
  std::size_t bytes_from_local = 0;
  std::size_t bytes_direct = 0;  // read in place out of a peer's memory
  base::Duration match{};        // look-ups, until the match was decided
  base::Duration network{};      // from asking until the last payload byte
  base::Duration deserialise{};  // decoding headers
  base::Duration verify{};       // decompression, digests
  base::Duration scatter{};      // staging to engine memory (H2D)
  base::Duration direct{};       // from the first direct copy's start until the last one's check
  base::Duration total{};        // from get() until done
  /// How peers' blocks came: "direct, same GPU", "direct, NVLink", "direct, PCIe", "direct, shared host memory",
  /// "staged: <why not direct>"; several, with "; " between, if it was not one for all. Empty: none came from peers.
  std::string path;
  /// MatchStatus::decision.
  std::string decision;
};

struct PutReport {
  std::size_t bytes = 0;
  std::size_t blocks_published = 0;
  std::size_t blocks_dropped = 0;
  base::Duration gather{};  // engine memory to host (D2H)
  base::Duration digest{};
};

enum class Priority : std::uint8_t { kLow, kNormal, kHigh };

/// Where a prompt's first block was when a match began: in this node, at a peer as far as the index knows, or nowhere.
enum class PrefixAt : std::uint8_t { kHere, kAtPeers, kNowhere };

struct PutRequest {
  Fingerprint fingerprint;
  std::vector<BlockKey> keys;
  RegionId region{};
  std::vector<Slot> slots;  // one a key
  /// The engine has written the blocks.
  ReadyEvent ready;
  Priority priority = Priority::kNormal;
};

struct Completion {
  enum class Kind : std::uint8_t { kMatch, kLayer, kTransfer, kSourceReleased, kPublished, kUnleased };
  Kind kind;
  std::uint64_t id;
  std::uint32_t layer = 0;  // kLayer
  bool ok = true;
};

struct CoreStats {
  std::vector<std::pair<std::string, std::uint64_t>> counters;
};

}  // namespace kvp2p
