// How many data connections to one peer pay.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

namespace kvp2p {

/// Pure. The rule: a fetch deserves a lane for each kBytesPerLane, but not more than are known to pay. To begin with
/// that is kFirstNear where the peer is near and kFirstFar where a round trip is long, for there the path is the bound,
/// not a core. What is measured with all of those decides further: twice as many are tried as long as the last doubling
/// gained kGainMin; if it did not, the number before stays for kSettled. A rate is the median of kMeasures: one alone
/// may be of a moment when something else ran, or when a new connection had not yet grown its window.
class LanePlanner {
 public:
  static constexpr std::size_t kBytesPerLane = 2u << 20;
  static constexpr std::size_t kFirstNear = 4;
  static constexpr std::size_t kFirstFar = 2;
  static constexpr base::Duration kFar = std::chrono::milliseconds(2);
  static constexpr double kGainMin = 1.05;
  static constexpr std::size_t kMeasures = 3;
  /// A measure on a slow path: so many round trips, and no less than this.
  static constexpr int kMeasureRoundTrips = 20;
  static constexpr base::Duration kMeasureTime = std::chrono::milliseconds(500);
  static constexpr base::Duration kSettled = std::chrono::seconds(60);

  explicit LanePlanner(std::size_t ceiling) : ceiling_(ceiling) {}

  std::size_t lanes_for(std::size_t bytes, base::Duration round_trip) const;
  /// Whether that many bytes over so many lanes, or that time, tell a rate.
  static bool is_measure(std::size_t lanes, std::size_t bytes, base::Duration time, base::Duration round_trip);
  /// So many bytes have come over so many lanes, which were kept busy for that time.
  void record(std::size_t lanes, std::size_t bytes, base::Duration time, base::Duration round_trip,
              base::TimePoint now);

 private:
  std::size_t limit(base::Duration round_trip) const;
  /// All measures with `lanes` are there: go on from what they say.
  void decide(std::size_t lanes, base::TimePoint now);

  std::size_t ceiling_;
  std::optional<std::size_t> limit_;        // known to pay, or being tried
  std::optional<std::size_t> tried_from_;   // the number before, while twice as many are tried
  std::optional<base::TimePoint> settled_;  // since when no more are tried
  std::vector<double> measures_;            // bytes a second, with measured_lanes_
  std::size_t measured_lanes_ = 0;
  std::map<std::size_t, double> rates_;  // their medians, by lanes
};

}  // namespace kvp2p
