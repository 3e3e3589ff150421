// What a node does by itself: keeps its routing table fresh, and tells anew what it provides and has put
// (libp2p/specs kad-dht/README.md, "Bootstrap process"). Says what is due; no I/O, no clock.
#pragma once

#include "libp2p/protocols/kad/config.h"
#include "libp2p/protocols/kad/routing_table.h"

#include <deque>
#include <map>
#include <optional>
#include <random>

namespace libp2p::kad {

struct MaintenanceTask {
  enum class Kind { kRefresh, kProbe, kProvide, kPut };
  Kind kind = Kind::kRefresh;
  /// What to look for, provide or put.
  base::Bytes key = {};
  /// kProbe: whom to ask whether he is there.
  PeerEntry peer = {};
};

/// Not thread-safe.
class Maintenance {
 public:
  Maintenance(const Params& params, const multiformats::PeerId& self, std::uint64_t seed, base::TimePoint now);

  /// `key` is told anew from now on: after the republishing interval, or sooner, and then less and less often, as long
  /// as there are few who could have been told.
  void keep(MaintenanceTask::Kind kind, const base::Bytes& key, base::TimePoint now, bool soon);
  void forget(MaintenanceTask::Kind kind, const base::Bytes& key);
  /// Too few are known: the next refresh comes as soon as the bootstrap interval allows.
  void hasten(base::TimePoint now);

  /// What has fallen due goes into the queue. `bootstrap`: whom to try while few peers are known.
  void tick(const RoutingTable& table, const std::deque<PeerEntry>& bootstrap, base::TimePoint now);
  /// The next thing to do; nothing if there is none.
  std::optional<MaintenanceTask> take();
  bool has_tasks() const { return !queue_.empty(); }
  base::TimePoint next_tick() const;

  /// A query or probe of a refresh is asked for at most this many at once.
  static constexpr std::size_t kAtOnce = 4;
  /// Of those that have gone, tried at a refresh.
  static constexpr std::size_t kLapsedAtOnce = 4;
  /// Buckets farther in are looked for by the node's own key alone.
  static constexpr std::size_t kRefreshBitsMax = 15;

 private:
  using Kept = std::pair<MaintenanceTask::Kind, base::Bytes>;
  struct Due {
    base::TimePoint when;
    base::Duration pause;
  };

  void schedule(const Kept& kept, base::TimePoint now, base::Duration pause);
  void refresh(const RoutingTable& table, base::TimePoint now);
  void probe(const std::vector<PeerEntry>& peers);
  base::Bytes key_in_bucket(const RoutingTable& table, std::size_t index);
  base::Duration jittered(base::Duration time);

  Params params_;
  multiformats::PeerId self_;
  std::mt19937_64 random_;
  std::deque<MaintenanceTask> queue_;
  std::map<Kept, Due> kept_;
  std::multimap<base::TimePoint, Kept> due_;
  base::TimePoint next_refresh_;
  /// Between refreshes while few are known.
  base::Duration pause_;
  base::TimePoint last_bootstrap_;
};

}  // namespace libp2p::kad
