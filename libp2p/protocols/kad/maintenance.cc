#include "libp2p/protocols/kad/maintenance.h"

#include <algorithm>

namespace libp2p::kad {

using Kind = MaintenanceTask::Kind;

namespace {

/// Peers that are asked whether they are there, at one refresh.
constexpr std::size_t kProbesMax = 128;

}  // namespace

Maintenance::Maintenance(const Params& params, const multiformats::PeerId& self, std::uint64_t seed,
                         base::TimePoint now)
    : params_(params),
      self_(self),
      random_(seed),
      pause_(params.bootstrap_interval),
      last_bootstrap_(now - params.bootstrap_interval) {
  // The first one comes as soon as there is somebody (hasten()).
  next_refresh_ = now + jittered(params_.refresh_interval);
}

base::Duration Maintenance::jittered(base::Duration time) {
  // Nodes that started together are not to work together for ever.
  return std::chrono::duration_cast<base::Duration>(time * std::uniform_real_distribution<double>(0.85, 1.0)(random_));
}

void Maintenance::keep(Kind kind, const base::Bytes& key, base::TimePoint now, bool soon) {
  forget(kind, key);
  schedule({kind, key}, now, soon ? params_.bootstrap_interval : params_.republish_interval);
}

void Maintenance::schedule(const Kept& kept, base::TimePoint now, base::Duration pause) {
  const Due due{now + jittered(pause), pause};
  kept_[kept] = due;
  due_.emplace(due.when, kept);
}

void Maintenance::forget(Kind kind, const base::Bytes& key) {
  const auto found = kept_.find({kind, key});
  if (found == kept_.end()) return;
  const auto [begin, end] = due_.equal_range(found->second.when);
  const auto due = std::find_if(begin, end, [&found](const auto& each) { return each.second == found->first; });
  if (due != end) due_.erase(due);
  kept_.erase(found);
}

void Maintenance::hasten(base::TimePoint now) {
  pause_ = params_.bootstrap_interval;
  next_refresh_ = std::min(next_refresh_, std::max(now, last_bootstrap_ + params_.bootstrap_interval));
}

void Maintenance::tick(const RoutingTable& table, const std::deque<PeerEntry>& bootstrap, base::TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= now) {
    const Kept kept = due_.begin()->second;
    due_.erase(due_.begin());
    queue_.push_back({.kind = kept.first, .key = kept.second});
    schedule(kept, now, std::min(2 * kept_.at(kept).pause, params_.republish_interval));
  }
  if (next_refresh_ > now) return;
  last_bootstrap_ = now;
  if (table.size() < params_.k) {
    std::vector<PeerEntry> unknown;
    for (const PeerEntry& each : bootstrap) {
      if (!table.find(each.id)) unknown.push_back(each);
    }
    probe(unknown);
  }
  refresh(table, now);
  pause_ = table.size() < params_.k ? std::min(pause_, params_.refresh_interval) : params_.refresh_interval;
  next_refresh_ = now + jittered(pause_);
  pause_ = 2 * pause_;
}

void Maintenance::refresh(const RoutingTable& table, base::TimePoint now) {
  // What is not done yet of the last time is not piled up.
  if (std::any_of(queue_.begin(), queue_.end(), [](const auto& each) { return each.kind == Kind::kRefresh; })) return;
  probe(table.not_heard_since(now - params_.refresh_interval, kProbesMax));
  probe(table.some_lapsed(kLapsedAtOnce, random_));
  queue_.push_back({.kind = Kind::kRefresh, .key = base::to_bytes(self_.as_bytes())});
  // Who knows fewer than k knows all, or finds them by that. Likewise buckets beyond the first that is not full.
  if (table.size() < params_.k) return;
  for (std::size_t i = 0; i < std::min(table.bucket_count(), kRefreshBitsMax); ++i) {
    queue_.push_back({.kind = Kind::kRefresh, .key = key_in_bucket(table, i)});
    if (table.bucket_size(i) < params_.k) break;
  }
}

void Maintenance::probe(const std::vector<PeerEntry>& peers) {
  for (const PeerEntry& each : peers) {
    const bool is_queued = std::any_of(queue_.begin(), queue_.end(), [&each](const MaintenanceTask& task) {
      return task.kind == Kind::kProbe && task.peer.id == each.id;
    });
    if (!is_queued) queue_.push_back({.kind = Kind::kProbe, .peer = each});
  }
}

base::Bytes Maintenance::key_in_bucket(const RoutingTable& table, std::size_t index) {
  // Found by trying, 2^(index + 1) times on average.
  base::Bytes key(kKeyBytes);
  do {
    for (std::size_t i = 0; i < kKeyBytes; i += 8) base::store_le64(&key[i], random_());
  } while (common_prefix_bits(table.self(), key_of(key)) != index);
  return key;
}

std::optional<MaintenanceTask> Maintenance::take() {
  if (queue_.empty()) return std::nullopt;
  MaintenanceTask task = std::move(queue_.front());
  queue_.pop_front();
  return task;
}

base::TimePoint Maintenance::next_tick() const {
  return due_.empty() ? next_refresh_ : std::min(next_refresh_, due_.begin()->first);
}

}  // namespace libp2p::kad
