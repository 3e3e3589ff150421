#include "exchange/lane_planner.h"

#include <algorithm>

namespace kvp2p {

std::size_t LanePlanner::limit(base::Duration round_trip) const {
  const std::size_t first = round_trip < kFar ? kFirstNear : kFirstFar;
  return std::min(ceiling_, limit_.value_or(first));
}

std::size_t LanePlanner::lanes_for(std::size_t bytes, base::Duration round_trip) const {
  return std::min(limit(round_trip), (bytes + kBytesPerLane - 1) / kBytesPerLane);
}

bool LanePlanner::is_measure(std::size_t lanes, std::size_t bytes) { return bytes >= 4 * kBytesPerLane * lanes; }

void LanePlanner::record(std::size_t lanes, std::size_t bytes, base::Duration time, base::Duration round_trip,
                         base::TimePoint now) {
  if (lanes == 0 || time <= base::Duration::zero() || !is_measure(lanes, bytes)) return;
  rates_[lanes].add(static_cast<double>(bytes) / std::chrono::duration<double>(time).count());
  const std::size_t now_at = limit(round_trip);
  if (lanes != now_at) return;  // fewer were there than would pay: says nothing about more
  if (tried_from_) {
    const bool gained = rates_[lanes].value() >= kGainMin * rates_[*tried_from_].value();
    if (!gained) {
      limit_ = *tried_from_;
      settled_ = now;
    }
    tried_from_.reset();
    if (!gained) return;
  }
  if (settled_ && now - *settled_ < kSettled) return;
  settled_.reset();
  if (now_at >= ceiling_) return;
  tried_from_ = now_at;
  limit_ = std::min(ceiling_, 2 * now_at);
  rates_.erase(*limit_);  // what it was long ago does not count
}

}  // namespace kvp2p
