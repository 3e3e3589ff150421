// What the exchange serves from: this node's own blocks, whatever tier they are in.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "direct/ticket.h"
#include "exchange/lease_token.h"
#include "kv/block_key.h"
#include "kv/content_digest.h"
#include "kv/model_spec.h"
#include "kv/object_format.h"
#include "multiformats/peer_id.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p {

/// Where a block is held: what reading it will cost. The value is the id on the wire.
enum class Tier : std::uint8_t { kDevice = 1, kHostMemory = 2, kDisk = 3 };

/// A question: which of these blocks are there, in this format and shard?
struct LookupRequest {
  Fingerprint fingerprint;
  /// What the fingerprint is made of, so that a difference can be named.
  ModelFields model_fields;
  ObjectFormat format;
  std::vector<BlockKey> keys;  // bounded by wire limits
  base::Duration lease_time{};
};

/// What is there of one key.
struct FoundBlock {
  bool present = false;
  Tier tier = Tier::kHostMemory;
  /// Absent for blocks that are served in place and were never digested as a whole.
  std::optional<ContentDigest> root;
  /// Where the owner has it in device memory, if the asking peer has that memory open and may read it there itself.
  std::optional<DevicePlace> place;
};

struct LookupAnswer {
  std::vector<FoundBlock> blocks;  // one a key asked for
  LeaseToken lease;                // valid if any block is present
  base::Duration lease_time{};
  /// Bytes a second that the holder expects to serve at; 0 if it cannot say.
  std::uint64_t expected_bytes_per_second = 0;
  /// Why nothing is there, when the reason is not simply that it is not: "kv dtype: ours f32, asked bf16".
  std::string reason;
};

/// Layers of a run of blocks, in wire order: layer after layer, of each block after block; only the heads asked for.
struct SliceRead {
  std::vector<base::ConstBytes> parts;  // together layers * blocks * slice bytes
  std::vector<ContentDigest> leaves;    // layers * blocks * heads
  std::shared_ptr<void> owner;          // keeps `parts` valid
};

/// Called on the node thread only. Implemented by cache/.
class LocalBlocks {
 public:
  virtual ~LocalBlocks() = default;
  /// Looks up and, for what is present, takes a lease in the name of `peer`. Never blocks.
  virtual LookupAnswer lookup(const multiformats::PeerId& peer, const LookupRequest& request) = 0;
  /// Reads `part` of blocks [first, first + count) of the leased keys. ExchangeError::kLeaseUnknown if the lease has
  /// ended or is not this peer's, kBlockGone if a block has gone (revoked offers), kShardNotHeld.
  /// REQUIRES of the caller, checked: ranges inside what was asked for.
  virtual base::Task<base::Result<SliceRead>> read(multiformats::PeerId peer, LeaseToken lease, std::uint32_t first,
                                                   std::uint32_t count, ShardRange part) = 0;
  virtual void release(const multiformats::PeerId& peer, const LeaseToken& lease) = 0;
  /// The peer has gone: all its leases end.
  virtual void release_all(const multiformats::PeerId& peer) = 0;
  /// A peer wants to leave blocks here: those keys that are wanted and have room.
  virtual std::vector<bool> wants(const multiformats::PeerId& peer, const LookupRequest& offered) = 0;
  /// One complete block that a peer has put, digests already checked. False if it was dropped.
  virtual bool store(const multiformats::PeerId& peer, const Fingerprint& fingerprint, const BlockKey& key,
                     const ObjectFormat& format, base::ConstBytes bytes, std::vector<ContentDigest> leaves) = 0;
  /// What a new peer is told of, newest first.
  struct Held {
    Fingerprint fingerprint;
    ObjectFormat format;
    std::vector<BlockKey> keys;
  };
  virtual std::vector<Held> snapshot(std::size_t keys_max) = 0;
};

}  // namespace kvp2p
