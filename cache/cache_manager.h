// The cache: local tier, then peers. Everything behind the core calls.
//
// Threads: engines call from any thread; what they ask is posted to the node thread, where all operations live, and
// what they wait for is mirrored in states with a lock each (MatchState, TransferState, PutState, Offer). Digests run
// on workers, copies on the connector's threads.
#pragma once

#include "cache/cache_context.h"
#include "cache/completion_queue.h"
#include "cache/core_types.h"
#include "cache/error.h"
#include "cache/id_table.h"
#include "cache/local_block_set.h"
#include "cache/match_operation.h"
#include "cache/model_registry.h"
#include "cache/offer.h"
#include "cache/put_operation.h"
#include "cache/transfer_operation.h"
#include "cache/worker_pool.h"

#include <atomic>
#include <map>

namespace kvp2p {

inline constexpr std::size_t kMatchesMax = 16384;
inline constexpr std::size_t kTransfersMax = 16384;
inline constexpr std::size_t kPutsMax = 16384;
inline constexpr std::size_t kOffersMax = 16384;
/// Keys of one request: a million tokens.
inline constexpr std::size_t kRequestKeysMax = 65536;
inline constexpr std::size_t kRequestShardsMax = 64;
/// Puts under way beyond which those of a priority are dropped: low, normal, high.
inline constexpr std::size_t kPutsOpenMax[] = {16, 64, 256};

struct CacheConfig {
  std::size_t store_bytes_max = std::size_t{1} << 30;
  /// 0: by the number of cores.
  unsigned workers = 0;
  FetchLimits fetch_limits = {};
  FetchPolicy fetch_policy = FetchPolicy::kAuto;
  /// Of the tenant whose blocks this node's engine uses (kv/tenant.h); empty: none.
  base::Bytes tenant_salt = {};
  /// Told of each model that is registered, by its own fingerprint, on the node thread. May be empty.
  std::function<void(const Fingerprint& model)> on_model = {};
  /// Connects to a peer that the index names and there is no session with; false: it cannot be asked. On the node
  /// thread. May be empty: then such peers are not asked.
  std::function<base::Task<bool>(multiformats::PeerId peer, base::TimePoint deadline)> reach = {};
  /// Told of the first block of each prompt that is matched, on the node thread. May be empty.
  std::function<void(const BlockKey& first, PrefixAt at)> on_prefix = {};
};

/// The calls of KvCore (provider/kv_core.h says what they promise): thread-safe. The others: node thread.
class CacheManager {
 public:
  /// All references outlive the manager, and so do the threads of executor and connector. `index` is used on the node
  /// thread. `serving_staging`: for reading offers; not the pool that fetches are received into.
  CacheManager(base::Executor executor, base::Clock& clock, GpuConnector& connector,
               std::shared_ptr<StagingPool> serving_staging, BlockIndex& index, CacheConfig config,
               DirectPath direct = {});
  /// REQUIRES: stop() was called, and the executor runs no more.
  ~CacheManager();

  // Node thread
  LocalBlockSet& local_blocks() { return *local_; }
  /// From now on peers are asked and told. The exchange outlives stop().
  void attach(Exchange& exchange);
  /// Ends every operation; engines that wait are answered. Idempotent.
  void stop();
  /// Whether copies under way still hold peers' regions: the DirectClient and the connector are needed until then.
  bool holds_peer_regions() const { return context_.direct_copies > 0; }

  // Any thread
  base::Result<RegionId> register_region(const RegionMemory& memory, const LayoutDesc& layout);
  /// Peers that have it open are told to let go, which can take a second. Not on the node thread if they may.
  void unregister_region(RegionId region);
  /// What names its blocks: the model's fingerprint, or that of the tenant's space of it.
  Fingerprint register_model(const ModelSpec& spec);

  void report_prefill(const Fingerprint& model, std::size_t tokens, std::size_t context, base::Duration time) {
    context_.prefill.report(model, tokens, context, time);
  }

  MatchId match(MatchRequest request);
  std::shared_ptr<MatchState> find(MatchId id) const { return match_states_.find(id); }
  base::Result<TransferId> get(GetRequest request);
  std::shared_ptr<TransferState> find(TransferId id) const { return transfer_states_.find(id); }
  base::Result<PutId> put(PutRequest request);
  std::shared_ptr<PutState> find(PutId id) const { return put_states_.find(id); }
  base::Result<OfferId> offer(PutRequest request);
  std::shared_ptr<Offer> find(OfferId id) const { return offers_.find(id); }
  void revoke(OfferId id);

  void release(MatchId id);
  void release(TransferId id);
  void release(PutId id);
  void release(OfferId id);

  /// How fast peers are taken to be. Thread-safe.
  PeerEstimates& peer_estimates() { return context_.estimates; }
  CompletionQueue& completions() { return *completions_; }
  GpuConnector& connector() { return *context_.connector; }
  CoreStats stats() const;

 private:
  struct OpenMatch {
    MatchId id;
    std::size_t uses = 1;
  };

  MatchId refuse(MatchRequest request, const std::string& reason);
  base::Result<ObjectFormat> check(const PutRequest& request) const;
  base::Result<TransferPlan> check(const GetRequest& request, const MatchState& match) const;
  void start_transfer(MatchId match, std::size_t shard, const std::shared_ptr<TransferPlan>& plan,
                      const std::shared_ptr<TransferState>& state);
  void start_put(const std::shared_ptr<PutState>& state, PutRequest request, const ObjectFormat& format);
  void post(std::function<void()> call) const;

  // Shared with the states, which connector threads may hold for longer.
  const std::shared_ptr<CompletionQueue> completions_ = std::make_shared<CompletionQueue>();
  std::shared_ptr<WorkerPool> workers_;
  const base::Bytes tenant_salt_;
  const std::function<void(const Fingerprint& model)> on_model_;
  ModelRegistry models_;
  CacheContext context_;
  std::unique_ptr<LocalBlockSet> local_;
  std::atomic<bool> stopping_{false};

  IdTable<MatchId, MatchState> match_states_;
  IdTable<TransferId, TransferState> transfer_states_;
  IdTable<PutId, PutState> put_states_;
  IdTable<OfferId, Offer> offers_;
  /// By question_hash: what an equal request may join.
  mutable std::mutex open_mutex_;
  std::unordered_multimap<std::uint64_t, OpenMatch> open_matches_;
  std::atomic<std::size_t> puts_open_{0};

  // Node thread
  std::map<MatchId, std::shared_ptr<MatchOperation>> matches_;
  std::map<TransferId, std::shared_ptr<TransferOperation>> transfers_;
  std::map<PutId, std::shared_ptr<PutOperation>> puts_;
};

}  // namespace kvp2p
