#include "exchange/lane_planner.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMiB = 1u << 20;
constexpr base::Duration kNear = 100us;
constexpr base::Duration kFarAway = 40ms;

/// Records fetches over as many lanes as the planner gives, at the rate that `rate` (GB/s) says for that many.
template <class Rate>
std::size_t after(LanePlanner& planner, base::Duration round_trip, int fetches, Rate rate,
                  base::TimePoint now = base::TimePoint(1h)) {
  for (int i = 0; i < fetches; ++i) {
    const std::size_t lanes = planner.lanes_for(1024 * kMiB, round_trip);
    const double seconds = 1024.0 * kMiB / (rate(lanes) * 1e9);
    planner.record(lanes, 1024 * kMiB, std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9)), round_trip,
                   now);
  }
  return planner.lanes_for(1024 * kMiB, round_trip);
}

TEST(LanePlanner, SmallFetchesGetFewLanes) {
  const LanePlanner planner(8);
  EXPECT_EQ(planner.lanes_for(1, kNear), 1u);
  EXPECT_EQ(planner.lanes_for(2 * kMiB, kNear), 1u);
  EXPECT_EQ(planner.lanes_for(2 * kMiB + 1, kNear), 2u);
  EXPECT_EQ(planner.lanes_for(8 * kMiB, kNear), 4u);
}

TEST(LanePlanner, TheCeilingHolds) {
  LanePlanner planner(3);
  EXPECT_EQ(planner.lanes_for(1024 * kMiB, kNear), 3u);
  EXPECT_EQ(after(planner, kNear, 5, [](std::size_t lanes) { return static_cast<double>(lanes); }), 3u);
  EXPECT_EQ(LanePlanner(0).lanes_for(1024 * kMiB, kNear), 0u);
}

TEST(LanePlanner, MoreAreTakenWhileTheyPay) {
  LanePlanner planner(16);
  EXPECT_EQ(after(planner, kNear, 1, [](std::size_t lanes) { return static_cast<double>(lanes); }), 8u);
  EXPECT_EQ(after(planner, kNear, 1, [](std::size_t lanes) { return static_cast<double>(lanes); }), 16u);
}

TEST(LanePlanner, ALongPathThatIsFullKeepsItsTwo) {
  LanePlanner planner(8);
  const auto link = [](std::size_t) { return 0.12; };
  EXPECT_EQ(planner.lanes_for(1024 * kMiB, kFarAway), 2u);
  EXPECT_EQ(after(planner, kFarAway, 1, link), 4u) << "being tried";
  EXPECT_EQ(after(planner, kFarAway, 1, link), 2u);
  EXPECT_EQ(after(planner, kFarAway, 20, link), 2u);
}

TEST(LanePlanner, WhatDidNotPayIsTriedAgainLater) {
  LanePlanner planner(8);
  const auto link = [](std::size_t) { return 0.12; };
  EXPECT_EQ(after(planner, kFarAway, 2, link), 2u);
  EXPECT_EQ(after(planner, kFarAway, 1, link, base::TimePoint(1h) + LanePlanner::kSettled), 4u);
}

TEST(LanePlanner, SmallFetchesTellNothing) {
  LanePlanner planner(8);
  planner.record(4, 8 * kMiB, 10ms, kNear, base::TimePoint(1h));
  EXPECT_EQ(planner.lanes_for(1024 * kMiB, kNear), 4u);
  planner.record(2, 1024 * kMiB, 10ms, kNear, base::TimePoint(1h));
  EXPECT_EQ(planner.lanes_for(1024 * kMiB, kNear), 4u) << "fewer lanes than there should be";
}

}  // namespace
}  // namespace kvp2p
