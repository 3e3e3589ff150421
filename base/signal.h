// Lets coroutines wait until something has changed: a condition variable for one executor.
#pragma once

#include "base/task.h"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace base {

/// Not thread-safe: used by coroutines of one executor only. Whoever waits keeps the Signal's owner alive.
///
///     while (!condition) co_await signal.wait();
class Signal {
 public:
  explicit Signal(const Executor& executor) : timer_(executor, boost::asio::steady_timer::time_point::max()) {}

  /// Returns after the next notify_all(). Test the condition again: it may have changed back.
  Task<> wait() {
    boost::system::error_code cancelled;
    co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
  }

  /// Wakes all that wait now. They run later, not inside this call.
  void notify_all() { timer_.cancel(); }

 private:
  // A timer that never expires; cancelling it wakes its waiters. No time is involved.
  boost::asio::steady_timer timer_;
};

}  // namespace base
