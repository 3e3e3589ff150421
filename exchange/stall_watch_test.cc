#include "exchange/stall_watch.h"

#include "exchange/limits.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

class StallWatchTest : public ::testing::Test {
 protected:
  base::ManualClock clock_;
  bool is_owed_ = true;
  StallWatch watch_{clock_, multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()),
                    [this] { return is_owed_; }};
};

TEST_F(StallWatchTest, FramesThatComeAreNoStall) {
  watch_.on_fetch_begun();
  for (int i = 0; i < 20; ++i) {
    clock_.advance(kStallNoticed - 1ms);
    watch_.on_frame();
  }
  EXPECT_EQ(watch_.stalls(), 0u);
}

TEST_F(StallWatchTest, AStallCountsOnceHoweverLong) {
  watch_.on_fetch_begun();
  clock_.advance(kStallNoticed);
  EXPECT_EQ(watch_.stalls(), 1u);
  clock_.advance(100 * kStallNoticed);
  EXPECT_EQ(watch_.stalls(), 1u);
}

TEST_F(StallWatchTest, TheNextStallIsNoticedToo) {
  watch_.on_fetch_begun();
  clock_.advance(3 * kStallNoticed);
  watch_.on_frame();
  clock_.advance(kStallNoticed - 1ms);
  EXPECT_EQ(watch_.stalls(), 1u);
  clock_.advance(1ms);
  EXPECT_EQ(watch_.stalls(), 2u);
}

TEST_F(StallWatchTest, WithoutAFetchNothingIsMissed) {
  clock_.advance(10 * kStallNoticed);
  watch_.on_fetch_begun();
  watch_.on_fetch_begun();
  watch_.on_fetch_ended();
  clock_.advance(kStallNoticed - 1ms);
  watch_.on_fetch_ended();
  clock_.advance(10 * kStallNoticed);
  EXPECT_EQ(watch_.stalls(), 0u);
}

TEST_F(StallWatchTest, AFetchThatEndsWhileStalledLeavesNothingBehind) {
  watch_.on_fetch_begun();
  clock_.advance(kStallNoticed);
  watch_.on_fetch_ended();
  watch_.on_fetch_begun();
  clock_.advance(kStallNoticed - 1ms);
  EXPECT_EQ(watch_.stalls(), 1u);
  clock_.advance(1ms);
  EXPECT_EQ(watch_.stalls(), 2u);
}

TEST_F(StallWatchTest, APeerThatMayNotSendDoesNotStall) {
  watch_.on_fetch_begun();
  is_owed_ = false;
  clock_.advance(10 * kStallNoticed);
  EXPECT_EQ(watch_.stalls(), 0u);
  is_owed_ = true;
  clock_.advance(2 * kStallNoticed);
  EXPECT_EQ(watch_.stalls(), 1u);
}

}  // namespace
}  // namespace kvp2p
