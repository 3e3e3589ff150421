#include "base/event_loop.h"

#include "base/clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace base {
namespace {

using namespace std::chrono_literals;

TEST(EventLoopTest, EndsWhenThereIsNoMoreWork) {
  boost::asio::io_context context;
  SystemClock clock(context.get_executor());
  int calls = 0;
  boost::asio::post(context, [&] { ++calls; });
  const auto soon = clock.call_at(clock.now() + 20us, [&] { ++calls; });
  const auto later = clock.call_at(clock.now() + 5ms, [&] { ++calls; });
  run_event_loop(context);
  EXPECT_EQ(calls, 3);
  EXPECT_TRUE(context.stopped());
}

TEST(EventLoopTest, EndsWhenStoppedWhileItSleeps) {
  boost::asio::io_context context;
  const auto work = boost::asio::make_work_guard(context);
  std::thread loop([&] { run_event_loop(context); });
  std::this_thread::sleep_for(5ms);
  context.stop();
  loop.join();
}

TEST(EventLoopTest, TakesWhatOtherThreadsPost) {
  boost::asio::io_context context;
  auto work = boost::asio::make_work_guard(context);
  std::atomic<int> calls = 0;
  std::thread loop([&] { run_event_loop(context); });
  for (int i = 1; i <= 1000; ++i) {
    boost::asio::post(context, [&] { ++calls; });
    if (i % 100 == 0) std::this_thread::sleep_for(1ms);  // it falls asleep in between
  }
  work.reset();
  loop.join();
  EXPECT_EQ(calls, 1000);
}

}  // namespace
}  // namespace base
