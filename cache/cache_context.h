// What the cache's operations share.
#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "cache/core_types.h"
#include "cache/counters.h"
#include "cache/fetch_schedule.h"
#include "cache/peer_estimates.h"
#include "cache/prefill_rates.h"
#include "exchange/log_once.h"
#include "gpu/staging_pool.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <memory>
#include <set>

namespace kvp2p {

class BlockIndex;
class DirectClient;
class DirectServer;
class Exchange;
class GpuConnector;
class LocalBlockSet;
class ModelRegistry;
class StrangerTrial;
struct ShardMatch;
class WorkerPool;

/// Node thread only; bounded.
class PeerSet {
 public:
  void add(const multiformats::PeerId& peer) {
    if (peers_.size() >= kMax) peers_.clear();
    peers_.insert(peer);
  }
  void remove(const multiformats::PeerId& peer) { peers_.erase(peer); }
  bool contains(const multiformats::PeerId& peer) const { return peers_.contains(peer); }

 private:
  static constexpr std::size_t kMax = 4096;
  std::set<multiformats::PeerId> peers_;
};

/// The exchange, for those who may outlive it: null once the node stops. Node thread only.
struct ExchangeLink {
  Exchange* exchange = nullptr;
};

/// Bytes of one step of a direct copy: a small transfer is one, a large one has its first layers ready long before its
/// last.
inline constexpr std::size_t kDirectStepBytes = std::size_t{256} << 20;

/// The direct path between nodes of one host. Null where it is off.
struct DirectPath {
  DirectServer* server = nullptr;
  DirectClient* client = nullptr;
  std::size_t step_bytes = kDirectStepBytes;
};

/// Outlives all operations' use of it. Members are used on the node thread, but for `connector`, `workers`,
/// `estimates`, `prefill` and `counters`, which are thread-safe, and `executor`, to which anybody may post.
struct CacheContext {
  base::Executor executor;
  base::Clock* clock = nullptr;
  GpuConnector* connector = nullptr;
  WorkerPool* workers = nullptr;
  LocalBlockSet* local = nullptr;
  ModelRegistry* models = nullptr;
  BlockIndex* index = nullptr;
  DirectPath direct;
  /// Copies under way that hold peers' regions.
  std::size_t direct_copies = 0;
  std::shared_ptr<ExchangeLink> link = std::make_shared<ExchangeLink>();
  /// Let a deadline pass: they are asked again, but no longer waited for at length until they have answered once.
  PeerSet suspects;
  /// Had a part in a wrong block that several had brought together: each brings whole blocks, until it has brought a
  /// good one, so that the one who did it is found.
  PeerSet loners;
  /// The last, under way or over.
  std::shared_ptr<StrangerTrial> trial;
  PeerEstimates estimates;
  PrefillRates prefill;
  FetchLimits fetch_limits;
  FetchPolicy fetch_policy = FetchPolicy::kAuto;
  /// A peer has answered after its match was decided.
  std::function<void(const ShardMatch&)> on_late_answer;
  /// CacheConfig::reach.
  std::function<base::Task<bool>(multiformats::PeerId, base::TimePoint)> reach;
  /// CacheConfig::on_prefix.
  std::function<void(const BlockKey&, PrefixAt)> on_prefix;
  LogOnce logged;
  CacheCounters counters;
};

}  // namespace kvp2p
