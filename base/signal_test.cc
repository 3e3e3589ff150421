#include "base/signal.h"

#include <gtest/gtest.h>

namespace base {
namespace {

struct Shared {
  explicit Shared(const Executor& executor) : signal(executor) {}
  Signal signal;
  bool ready = false;
  int woken = 0;
};

Task<> wait_for(Shared& shared) {
  while (!shared.ready) co_await shared.signal.wait();
  ++shared.woken;
}

TEST(SignalTest, NotifyWakesEveryWaiterAndOnlyThose) {
  boost::asio::io_context io;
  Shared shared(io.get_executor());
  spawn(io.get_executor(), wait_for(shared));
  spawn(io.get_executor(), wait_for(shared));
  io.poll();
  shared.signal.notify_all();
  io.restart();
  io.poll();
  EXPECT_EQ(shared.woken, 0) << "the condition does not hold yet";
  shared.ready = true;
  shared.signal.notify_all();
  io.restart();
  io.poll();
  EXPECT_EQ(shared.woken, 2);
}

}  // namespace
}  // namespace base
