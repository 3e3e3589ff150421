#include "exchange/lane_planner.h"

#include <algorithm>
#include <utility>

namespace kvp2p {

std::size_t LanePlanner::limit(base::Duration round_trip) const {
  const std::size_t first = round_trip < kFar ? kFirstNear : kFirstFar;
  return std::min(ceiling_, limit_.value_or(first));
}

std::size_t LanePlanner::lanes_for(std::size_t bytes, base::Duration round_trip) const {
  return std::min(limit(round_trip), (bytes + kBytesPerLane - 1) / kBytesPerLane);
}

bool LanePlanner::is_measure(std::size_t lanes, std::size_t bytes, base::Duration time, base::Duration round_trip) {
  if (bytes >= 4 * kBytesPerLane * lanes) return true;
  return bytes > 0 && time >= std::max<base::Duration>(kMeasureTime, kMeasureRoundTrips * round_trip);
}

void LanePlanner::record(std::size_t lanes, std::size_t bytes, base::Duration time, base::Duration round_trip,
                         base::TimePoint now) {
  if (lanes == 0 || time <= base::Duration::zero() || !is_measure(lanes, bytes, time, round_trip)) return;
  if (lanes != limit(round_trip)) return;  // fewer were there than would pay: says nothing about more
  if (lanes != std::exchange(measured_lanes_, lanes)) measures_.clear();
  measures_.push_back(static_cast<double>(bytes) / std::chrono::duration<double>(time).count());
  if (measures_.size() < kMeasures) return;
  std::nth_element(measures_.begin(), measures_.begin() + kMeasures / 2, measures_.end());
  rates_[lanes] = measures_[kMeasures / 2];
  measures_.clear();
  decide(lanes, now);
}

void LanePlanner::decide(std::size_t lanes, base::TimePoint now) {
  if (tried_from_) {
    const bool gained = rates_[lanes] >= kGainMin * rates_[*tried_from_];
    if (!gained) {
      limit_ = *tried_from_;
      settled_ = now;
    }
    tried_from_.reset();
    if (!gained) return;
  }
  if (settled_ && now - *settled_ < kSettled) return;
  settled_.reset();
  if (lanes >= ceiling_) return;
  tried_from_ = lanes;
  limit_ = std::min(ceiling_, 2 * lanes);
}

}  // namespace kvp2p
