// Time, passed in: protocols run the same under a real and a simulated clock.
#pragma once

#include "base/task.h"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace base {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// A pending call. Destroying it, on the clock's executor, means that the call is never made.
class Timer {
 public:
  virtual ~Timer() = default;
};

/// Not thread-safe but for now(): used on the executor that it was made for.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
  /// Calls `call` once at `when` or soon after, on the clock's executor, never inside this function.
  [[nodiscard]] virtual std::unique_ptr<Timer> call_at(TimePoint when, std::function<void()> call) = 0;
};

/// Waits. The coroutine keeps the clock alive.
Task<> sleep_until(Clock& clock, TimePoint when);
inline Task<> sleep_for(Clock& clock, Duration time) { return sleep_until(clock, clock.now() + time); }

/// The system's steady clock on an Asio executor.
class SystemClock final : public Clock {
 public:
  explicit SystemClock(Executor executor) : executor_(std::move(executor)) {}
  TimePoint now() const override { return std::chrono::steady_clock::now(); }
  std::unique_ptr<Timer> call_at(TimePoint when, std::function<void()> call) override;

 private:
  Executor executor_;
};

/// A clock that moves only when told to, for tests and simulation. Any number of calls may be pending: each costs the
/// logarithm of that. Timers may outlive it.
class ManualClock final : public Clock {
 public:
  ManualClock();
  TimePoint now() const override { return now_; }
  std::unique_ptr<Timer> call_at(TimePoint when, std::function<void()> call) override;
  /// Moves time on by `time`, making the calls that fall due, in order of time, and of being asked for where that is
  /// the same.
  void advance(Duration time);
  /// When the first of the pending calls falls due, which may be in the past; nothing if there is none.
  std::optional<TimePoint> next_call() const;
  std::size_t pending() const;

 private:
  struct Pending;
  class ManualTimer;
  TimePoint now_{};
  std::shared_ptr<Pending> pending_;  // shared with the timers
};

}  // namespace base
