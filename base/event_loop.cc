#include "base/event_loop.h"

namespace base {

namespace {

using namespace std::chrono_literals;

constexpr Duration kSpinMin = 1us;

TimePoint now() { return std::chrono::steady_clock::now(); }

/// How long to look for work before sleeping: longer while that finds some, shorter while it does not.
class SpinTime {
 public:
  explicit SpinTime(Duration max) : max_(max), time_(max) {}
  Duration get() const { return time_; }
  void found_work() { time_ = max_; }
  void found_none() { time_ = time_ / 2 < kSpinMin ? Duration(0) : time_ / 2; }
  /// Work has come after this time, of which some was slept: would the longest look have found it?
  void waited(Duration time) {
    if (time < max_) time_ = max_;
  }

 private:
  const Duration max_;
  Duration time_;
};

/// Whether anything was run within `time`.
bool spin(boost::asio::io_context& context, Duration time) {
  if (time == Duration(0)) return false;
  const TimePoint end = now() + time;
  do {
    if (context.poll_one() > 0) return true;
  } while (!context.stopped() && now() < end);
  return false;
}

}  // namespace

void run_event_loop(boost::asio::io_context& context, Duration spin_max) {
  if (spin_max == Duration(0)) {
    context.run();
    return;
  }
  SpinTime spin_time(spin_max);
  while (!context.stopped()) {
    if (context.poll() > 0) continue;
    const TimePoint idle_since = now();
    if (spin(context, spin_time.get())) {
      spin_time.found_work();
      continue;
    }
    spin_time.found_none();
    context.run_one();
    spin_time.waited(now() - idle_since);
  }
}

}  // namespace base
