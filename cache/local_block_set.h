// What this node serves to peers: its stored blocks and its engines' offers, by lease.
#pragma once

#include "cache/counters.h"
#include "cache/lease_table.h"
#include "cache/model_registry.h"
#include "cache/offer.h"
#include "cache/worker_pool.h"
#include "exchange/local_blocks.h"
#include "gpu/connector.h"
#include "gpu/staging_pool.h"
#include "storage/memory_store.h"

#include <functional>
#include <unordered_map>

namespace kvp2p {

/// Node thread only, but for the members that say otherwise. The store's reserve() and commit() are called on the node
/// thread alone, so that what is present and what is announced never differ.
///
/// Blocks that a peer has put here are this node's to use but are never served or announced: a copy that comes through
/// a third node needs its producer's signature, which the protocol does not carry yet.
class LocalBlockSet final : public LocalBlocks {
 public:
  struct Parts {
    base::Executor executor;
    base::Clock* clock = nullptr;
    GpuConnector* connector = nullptr;
    std::shared_ptr<StagingPool> staging;
    std::shared_ptr<WorkerPool> workers;
    ModelRegistry* models = nullptr;
    CacheCounters* counters = nullptr;
    /// Null: the direct path is off.
    DirectServer* direct = nullptr;
    std::size_t store_bytes_max = 0;
  };
  /// All that `parts` points to outlives the set.
  explicit LocalBlockSet(Parts parts);

  MemoryStore& store() { return *store_; }
  void set_epoch(std::uint64_t epoch) { leases_.set_epoch(epoch); }

  /// Told of each block that peers can now have, and no longer can.
  std::function<void(const Fingerprint&, const ObjectFormat&, const BlockKey&)> on_stored;
  std::function<void(const Fingerprint&, const BlockKey&)> on_evicted;

  /// Makes a block that an engine has put visible, and announces it.
  void commit(const Fingerprint& fingerprint, BlockReservation reservation, const BlockKey& key,
              std::vector<ContentDigest> leaves);
  void add_offer(std::shared_ptr<Offer> offer);
  void remove_offer(const Offer& offer);
  /// All offers of this memory, also those whose ids are released.
  void remove_offers_of(RegionId region);

  /// Ends all leases and whatever a peer waits for.
  void stop();
  std::size_t leases() const { return leases_.size(); }

  // LocalBlocks
  LookupAnswer lookup(const multiformats::PeerId& peer, const LookupRequest& request) override;
  base::Task<base::Result<SliceRead>> read(multiformats::PeerId peer, LeaseToken lease, std::uint32_t first,
                                           std::uint32_t count, ShardRange part) override;
  void release(const multiformats::PeerId& peer, const LeaseToken& lease) override;
  void release_all(const multiformats::PeerId& peer) override { leases_.release_all(peer); }
  std::vector<bool> wants(const multiformats::PeerId& peer, const LookupRequest& offered) override;
  bool store(const multiformats::PeerId& peer, const Fingerprint& fingerprint, const BlockKey& key,
             const ObjectFormat& format, base::ConstBytes bytes, std::vector<ContentDigest> leaves) override;
  std::vector<Held> snapshot(std::size_t keys_max) override;

 private:
  struct Known {
    Fingerprint fingerprint;
    /// Of stored blocks; one a shard.
    std::vector<ObjectFormat> formats;
    std::vector<std::pair<std::shared_ptr<Offer>, std::uint32_t>> offers;
    bool foreign = false;
  };

  /// Already to be had in this format, and announced.
  static bool is_served(const Known& known, const ObjectFormat& format);
  void stored(const BlockKey& key, const ObjectFormat& format);
  void evicted(const BlockKey& key, const ObjectFormat& format);
  void forget_if_empty(const BlockKey& key);
  LeasedBlock lease_block(const multiformats::PeerId& peer, const BlockKey& key, const LookupRequest& request);
  /// Whether the peer can read the offer's blocks in place.
  bool reads_in_place(const multiformats::PeerId& peer, const Offer& offer) const;
  FoundBlock describe(const multiformats::PeerId& peer, const LeasedBlock& block, const ObjectFormat& asked) const;
  std::string why_nothing(const LookupRequest& request) const;
  bool has_free_room(const ObjectFormat& format) const;

  Parts parts_;
  std::shared_ptr<MemoryStore> store_;
  LeaseTable leases_;
  std::unordered_map<BlockKey, Known> known_;
  /// Fingerprint of the block that is being committed: the store's observer does not know it.
  const Fingerprint* committing_ = nullptr;
  bool committing_foreign_ = false;
  std::shared_ptr<bool> stopped_ = std::make_shared<bool>(false);
};

}  // namespace kvp2p
