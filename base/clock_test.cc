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
