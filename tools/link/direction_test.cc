#include "tools/link/direction.h"
#include "tools/link/outage.h"

#include <gtest/gtest.h>

namespace kvp2p::link {
namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint kStart{1h};

/// 8 Mbit/s: a byte takes a microsecond.
DirectionShape slow_line() { return {.rate_bits_per_s = 8'000'000, .delay = 10ms, .queue_bytes = 3000}; }

TEST(Direction, PacketArrivesAfterItsTimeOnTheWireAndTheDelay) {
  Direction direction(slow_line());
  EXPECT_EQ(direction.admit(1000, kStart, false), kStart + 1ms + 10ms);
}

TEST(Direction, PacketsFollowEachOtherAtTheRate) {
  Direction direction(slow_line());
  EXPECT_EQ(direction.admit(1000, kStart, false), kStart + 11ms);
  EXPECT_EQ(direction.admit(500, kStart, false), kStart + 11ms + 500us);
  EXPECT_EQ(direction.admit(500, kStart + 1ms, false), kStart + 12ms);
}

TEST(Direction, AnIdleWireHasNoCredit) {
  Direction direction(slow_line());
  direction.admit(1000, kStart, false);
  EXPECT_EQ(direction.admit(1000, kStart + 1s, false), kStart + 1s + 11ms);
  EXPECT_EQ(direction.admit(1000, kStart + 1s, false), kStart + 1s + 12ms);
}

TEST(Direction, AFullQueueDrops) {
  Direction direction(slow_line());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(direction.admit(1000, kStart, false)) << i;
  EXPECT_FALSE(direction.admit(1000, kStart, false));
  EXPECT_EQ(direction.counts().dropped, 1u);
  EXPECT_EQ(direction.admit(1000, kStart + 1ms, false), kStart + 15ms);
}

TEST(Direction, NoLossUnlessAsked) {
  Direction direction({.rate_bits_per_s = 1'000'000'000, .queue_bytes = std::size_t{1} << 30});
  for (int i = 0; i < 100'000; ++i) ASSERT_TRUE(direction.admit(1500, kStart, false));
}

TEST(Direction, LossIsAsProbableAsAskedAndTheSameForASeed) {
  const DirectionShape shape{
      .rate_bits_per_s = 1'000'000'000, .queue_bytes = std::size_t{1} << 30, .loss = 0.01, .seed = 7};
  Direction one(shape), two(shape);
  constexpr int kPackets = 200'000;
  for (int i = 0; i < kPackets; ++i) ASSERT_EQ(one.admit(1500, kStart, false), two.admit(1500, kStart, false));
  // Within 6 standard deviations (of 44.5).
  EXPECT_NEAR(static_cast<double>(one.counts().lost), 0.01 * kPackets, 6 * 44.5);
}

TEST(Direction, ALostPacketTakesItsTimeOnTheWire) {
  DirectionShape shape = slow_line();
  shape.loss = 1;
  Direction direction(shape);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(direction.admit(1000, kStart, false));
  EXPECT_EQ(direction.counts().lost, 4u);
  EXPECT_FALSE(direction.admit(1000, kStart, false));
  EXPECT_EQ(direction.counts().dropped, 1u);
}

TEST(Direction, JitterKeepsTheOrder) {
  DirectionShape shape = slow_line();
  shape.jitter = 20ms;
  Direction direction(shape);
  base::TimePoint last{};
  for (int i = 0; i < 1000; ++i) {
    const base::TimePoint now = kStart + i * 1ms;
    const auto arrival = direction.admit(1000, now, false);
    ASSERT_TRUE(arrival);
    EXPECT_GE(*arrival, last);
    EXPECT_GE(*arrival, now + 11ms);
    EXPECT_LE(*arrival, now + 31ms);
    last = *arrival;
  }
}

TEST(Direction, NothingPassesWhileTheLinkIsOut) {
  Direction direction(slow_line());
  EXPECT_FALSE(direction.admit(1000, kStart, true));
  EXPECT_EQ(direction.counts().outage, 1u);
  EXPECT_EQ(direction.admit(1000, kStart, false), kStart + 11ms);
}

using Change = OutageClock::Change;

TEST(OutageClock, BeginsAtATimeAndEnds) {
  OutageClock clock(Outage{.at = 2s, .at_bytes = 0, .duration = 5s}, kStart);
  EXPECT_EQ(clock.next(), kStart + 2s);
  EXPECT_EQ(clock.advance(kStart + 1s, 1u << 30), Change::kNone);
  EXPECT_EQ(clock.advance(kStart + 2s, 0), Change::kBegun);
  EXPECT_TRUE(clock.is_out());
  EXPECT_EQ(clock.next(), kStart + 7s);
  EXPECT_EQ(clock.advance(kStart + 6s, 0), Change::kNone);
  EXPECT_EQ(clock.advance(kStart + 7s, 0), Change::kEnded);
  EXPECT_FALSE(clock.is_out());
  EXPECT_EQ(clock.next(), std::nullopt);
  EXPECT_EQ(clock.advance(kStart + 10s, 0), Change::kNone);
}

TEST(OutageClock, BeginsInTheMiddleOfATransfer) {
  OutageClock clock(Outage{.at = {}, .at_bytes = 1000, .duration = 5s}, kStart);
  EXPECT_EQ(clock.next(), std::nullopt);
  EXPECT_EQ(clock.advance(kStart + 100s, 999), Change::kNone);
  EXPECT_EQ(clock.advance(kStart + 100s, 1000), Change::kBegun);
  EXPECT_EQ(clock.next(), kStart + 105s);
}

TEST(OutageClock, WithoutAnOutageNothingChanges) {
  OutageClock clock(std::nullopt, kStart);
  EXPECT_EQ(clock.next(), std::nullopt);
  EXPECT_EQ(clock.advance(kStart + 1h, 1u << 30), Change::kNone);
}

}  // namespace
}  // namespace kvp2p::link
