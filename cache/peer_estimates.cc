#include "cache/peer_estimates.h"

#include <algorithm>

namespace kvp2p {

void PeerEstimates::add(const multiformats::PeerId& peer, PeerPath path, std::size_t bytes, base::Duration latency,
                        base::Duration time, base::TimePoint now) {
  if (bytes == 0 || time <= base::Duration::zero()) return;
  latency = std::clamp(latency, base::Duration::zero(), time);
  std::lock_guard lock(mutex_);
  if (paths_.size() >= kEstimatePeersMax && !paths_.contains({peer, path})) paths_.clear();
  Path& known = paths_[{peer, path}];
  if (now - known.last > kEstimateLife) {
    const std::uint64_t before = known.bytes;
    known = Path{};
    known.bytes = before;
  }
  // All may have come at once: then how fast more would come is not known, but that it would not take eight times less.
  const base::Duration flowing = std::max(time - latency, time / 8);
  known.bytes_per_second.add(static_cast<double>(bytes) / std::chrono::duration<double>(flowing).count());
  known.latency.add(static_cast<double>(latency.count()));
  ++known.samples;
  known.largest = std::max(known.largest, bytes);
  known.bytes += bytes;
  known.last = now;
}

std::optional<PathEstimate> PeerEstimates::get(const multiformats::PeerId& peer, PeerPath path,
                                               base::TimePoint now) const {
  std::lock_guard lock(mutex_);
  const auto at = paths_.find({peer, path});
  if (at == paths_.end()) return std::nullopt;
  const Path& known = at->second;
  if (now - known.last > kEstimateLife) return std::nullopt;
  if (known.largest < kEstimateBytesMin && known.samples < kEstimateSamplesMin) return std::nullopt;
  return PathEstimate{known.bytes_per_second.value(), base::Duration(static_cast<std::int64_t>(known.latency.value()))};
}

std::vector<PeerEstimates::Total> PeerEstimates::totals(std::size_t count) const {
  std::vector<Total> totals;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [key, path] : paths_) totals.push_back({key.first, key.second, path.bytes});
  }
  std::sort(totals.begin(), totals.end(), [](const Total& a, const Total& b) { return a.bytes > b.bytes; });
  if (totals.size() > count) totals.resize(count);
  return totals;
}

}  // namespace kvp2p
