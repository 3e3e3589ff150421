#include "base/clock.h"

#include "base/task.h"

#include <gtest/gtest.h>

namespace base {
namespace {

using namespace std::chrono_literals;

TEST(ManualClockTest, CallsFallDueInOrderOfTime) {
  ManualClock clock;
  std::string order;
  auto late = clock.call_at(clock.now() + 2s, [&] { order += "b"; });
  auto early = clock.call_at(clock.now() + 1s, [&] { order += "a"; });
  clock.advance(1500ms);
  EXPECT_EQ(order, "a");
  clock.advance(1s);
  EXPECT_EQ(order, "ab");
}

TEST(ManualClockTest, CallsOfOneTimeAreMadeInTheOrderInWhichTheyWereAskedFor) {
  ManualClock clock;
  std::string order;
  auto first = clock.call_at(clock.now() + 1s, [&] { order += "a"; });
  auto second = clock.call_at(clock.now() + 1s, [&] { order += "b"; });
  auto past = clock.call_at(clock.now() - 1s, [&] { order += "p"; });
  EXPECT_EQ(clock.next_call(), clock.now() - 1s);
  clock.advance(1s);
  EXPECT_EQ(order, "pab");
  EXPECT_EQ(clock.next_call(), std::nullopt);
}

TEST(ManualClockTest, ACallMayEndItsOwnTimerAndOthers) {
  ManualClock clock;
  std::unique_ptr<Timer> self, other;
  int calls = 0;
  self = clock.call_at(clock.now() + 1s, [&] {
    ++calls;
    self.reset();
    other.reset();
  });
  other = clock.call_at(clock.now() + 2s, [&] { ++calls; });
  EXPECT_EQ(clock.pending(), 2u);
  clock.advance(5s);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(clock.pending(), 0u);
}

TEST(ManualClockTest, TimersMayOutliveTheClock) {
  std::unique_ptr<Timer> timer;
  {
    ManualClock clock;
    timer = clock.call_at(clock.now() + 1s, [] {});
  }
  timer.reset();
}

TEST(ManualClockTest, ADestroyedTimerIsNeverCalled) {
  ManualClock clock;
  bool called = false;
  clock.call_at(clock.now() + 1s, [&] { called = true; }).reset();
  clock.advance(2s);
  EXPECT_FALSE(called);
}

Task<> sleep_then_set(Clock& clock, bool& done) {
  co_await sleep_for(clock, 1s);
  done = true;
}

TEST(ManualClockTest, ASleeperWakesWhenItsTimeHasCome) {
  boost::asio::io_context io;
  ManualClock clock;
  bool done = false;
  spawn(io.get_executor(), sleep_then_set(clock, done));
  io.poll();
  EXPECT_FALSE(done);
  clock.advance(1s);
  io.restart();
  io.poll();
  EXPECT_TRUE(done);
}

TEST(SystemClockTest, ADestroyedTimerIsNeverCalledEvenWhenDue) {
  boost::asio::io_context io;
  SystemClock clock(io.get_executor());
  bool called = false;
  auto victim = clock.call_at(clock.now(), [&] { called = true; });
  auto killer = clock.call_at(clock.now() - 1s, [&] { victim.reset(); });
  io.run();
  EXPECT_FALSE(called);
}

}  // namespace
}  // namespace base
