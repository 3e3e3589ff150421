// The core calls: what every engine integration is built on.
//
// Matches, transfers, puts and offers are ids, so that the process that asks (an engine's scheduler) need not be the
// one that copies (its workers), and so that the same calls can be made of a node in another process.
//
// All calls are thread-safe. None blocks unless its name begins with wait; each wait has a deadline. An id that is
// unknown or released is KvError::kUnknownId. Ids are released by release() or with the core.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "cache/core_types.h"
#include "cache/error.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace kvp2p {

class KvCore {
 public:
  virtual ~KvCore() = default;

  /// What this node codes blocks with where a layout does not say: KVCacheProvider's regions and look-ups have it in
  /// their format. Callers of the core say it in theirs.
  virtual Codec codec() const { return Codec::kNone; }

  // Memory and models ------------------------------------------------------------------------------------------------

  virtual base::Result<RegionId> register_region(const RegionMemory& memory, const LayoutDesc& layout) = 0;
  /// Waits until nothing reads or writes the region any more: peers that have it open have a second to close it.
  virtual void unregister_region(RegionId region) = 0;
  /// The salt of the tenant whose blocks this node uses; empty: of none. register_model() has it in the fingerprint,
  /// KVCacheProvider puts it into every block's key; callers of the core do so themselves (kv/tenant.h).
  virtual base::Bytes tenant_salt() const { return {}; }

  /// Makes the model's fields known, so that a peer that differs can be told in which field. Returns the fingerprint
  /// that names its blocks from now on: with a tenant, that of the tenant's space.
  virtual Fingerprint register_model(const ModelSpec& spec) = 0;

  // Match ------------------------------------------------------------------------------------------------------------

  /// Starts a look-up, locally then at peers. The same request again, while the first is not released, joins it and
  /// returns its id; each call wants its own release(), and match_status() is for polling. Takes leases on what it
  /// finds; they, and with them the match, end by themselves a minute after the decision. Decided at the deadline at
  /// the latest.
  /// With 16,384 matches open the answer is id 0, which is unknown to all calls.
  virtual MatchId match(MatchRequest request) = 0;
  virtual base::Result<MatchStatus> match_status(MatchId match) = 0;
  virtual base::Result<MatchStatus> wait_match(MatchId match, base::TimePoint deadline) = 0;

  /// What a prompt's prefill took: `tokens` tokens after `context` others, waiting for KV left out. From this the core
  /// tells what is worth fetching (MatchStatus::worth_fetching); until something was reported, everything is.
  virtual void report_prefill(const Fingerprint& model, std::size_t tokens, std::size_t context,
                              base::Duration time) = 0;

  // Get --------------------------------------------------------------------------------------------------------------

  /// Delivers blocks of a decided match. The match may be released afterwards.
  virtual base::Result<TransferId> get(GetRequest request) = 0;
  virtual base::Result<TransferStatus> transfer_status(TransferId transfer) = 0;
  /// A layer is ready when all blocks that are still good have been verified and are in the engine's memory.
  virtual base::Result<bool> layer_ready(TransferId transfer, std::uint32_t layer) = 0;
  /// Until the layer is ready, the transfer has ended, or the deadline, which cancels the transfer.
  virtual base::Result<TransferStatus> wait_layer(TransferId transfer, std::uint32_t layer,
                                                  base::TimePoint deadline) = 0;
  /// Makes a device stream wait for the layer instead of the calling thread, where the device can; else waits as above.
  virtual base::Result<TransferStatus> stream_wait_layer(TransferId transfer, std::uint32_t layer, void* stream,
                                                         base::TimePoint deadline) = 0;
  virtual base::Result<TransferStatus> wait_transfer(TransferId transfer, base::TimePoint deadline) = 0;
  /// Indices into the request's slots, ascending. A block that fails in any layer has failed in all of them, those
  /// already delivered included, and so have the blocks after it.
  virtual base::Result<std::vector<std::size_t>> failed_blocks(TransferId transfer) = 0;
  /// When this returns, or a failure has been returned, nothing writes the failed destination again.
  virtual void cancel(TransferId transfer) = 0;
  /// Says among others which path the blocks took, and why not the direct one.
  virtual base::Result<TransferReport> transfer_report(TransferId transfer) = 0;

  // Put --------------------------------------------------------------------------------------------------------------

  /// Copies blocks into the local store and announces them. May drop them under pressure; never delays the caller.
  virtual base::Result<PutId> put(PutRequest request) = 0;
  /// The engine may reuse its blocks.
  virtual base::Result<bool> source_released(PutId put) = 0;
  virtual base::Result<> wait_source_released(PutId put, base::TimePoint deadline) = 0;
  virtual base::Result<bool> published(PutId put) = 0;
  virtual base::Result<> wait_published(PutId put, base::TimePoint deadline) = 0;
  virtual base::Result<PutReport> put_report(PutId put) = 0;

  // Offer ------------------------------------------------------------------------------------------------------------

  /// Serves the engine's own blocks in place, without a copy: to peers of this host straight out of the engine's memory
  /// (docs/protocol.md, "Direct path"), to others through staging. Shown once `ready` has happened; a device's event
  /// with no host event before it may be used for something else when this returns. Each block has the
  /// generation that its slot has now: whoever reads it checks afterwards that it still is the same, so a slot belongs
  /// to one live offer at a time. Until revoke() and wait_unleased() have returned the engine leaves the blocks
  /// unchanged.
  virtual base::Result<OfferId> offer(PutRequest request) = 0;
  /// Raises the generations: no new reader from now on, and what readers under way have read does not count.
  virtual void revoke(OfferId offer) = 0;
  /// REQUIRES: revoked. Until nobody reads the blocks any more: then they may be reused. KvError::kDeadline if this
  /// process still copies from them then. A peer that still reads then is cut off instead: what it reads of the reused
  /// blocks it discards, for their generation is gone.
  virtual base::Result<> wait_unleased(OfferId offer, base::TimePoint deadline) = 0;

  // Completion -------------------------------------------------------------------------------------------------------

  /// An eventfd that is readable while drain() has something to give. The core's; do not close or read it.
  virtual int event_fd() const = 0;
  /// What has completed since the last call, oldest first. Bounded: beyond 64 Ki entries the oldest are dropped, and
  /// the status calls still tell.
  virtual std::vector<Completion> drain() = 0;

  /// Forgets an id; a transfer is cancelled, a match gives up its leases, a put or offer goes on.
  virtual void release(MatchId match) = 0;
  virtual void release(TransferId transfer) = 0;
  virtual void release(PutId put) = 0;
  virtual void release(OfferId offer) = 0;

  virtual CoreStats stats() const = 0;
};

}  // namespace kvp2p
