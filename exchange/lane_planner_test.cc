#include "exchange/lane_planner.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMiB = 1u << 20;
constexpr base::Duration kNear = 100us;
constexpr base::Duration kFarAway = 40ms;

/// Records so many decisions' worth of fetches, over as many lanes as the planner gives, at the rate that `rate` (GB/s)
/// says for that many.
template <class Rate>
std::size_t after(LanePlanner& planner, base::Duration round_trip, int decisions, Rate rate,
                  base::TimePoint now = base::TimePoint(1h)) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(decisions) * LanePlanner::kMeasures; ++i) {
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

TEST(LanePlanner, OneSlowMomentDecidesNothing) {
  LanePlanner planner(8);
  const auto one_by_one = [](std::size_t lanes) { return static_cast<double>(lanes); };
  EXPECT_EQ(after(planner, kNear, 1, one_by_one), 8u);
  const auto record = [&](base::Duration time) { planner.record(8, 1024 * kMiB, time, kNear, base::TimePoint(1h)); };
  record(100ms);
  record(5s);
  record(100ms);
  EXPECT_EQ(planner.lanes_for(1024 * kMiB, kNear), 8u);
}

TEST(LanePlanner, OnASlowPathTimeMakesAMeasure) {
  LanePlanner planner(8);
  // 1 MB/s a lane, as where every hundredth packet is lost.
  const auto record = [&](std::size_t lanes) {
    for (std::size_t i = 0; i < LanePlanner::kMeasures; ++i) {
      planner.record(lanes, lanes * 800'000, 800ms, kFarAway, base::TimePoint(1h));
    }
  };
  record(2);
  EXPECT_EQ(planner.lanes_for(64 * kMiB, kFarAway), 4u);
  record(4);
  EXPECT_EQ(planner.lanes_for(64 * kMiB, kFarAway), 8u);
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
