// A condition variable whose waiters look for a while before they sleep.
//
// Waking a thread that sleeps costs tens of microseconds on its way through the scheduler: as much as a whole direct
// fetch of a few megabytes. What is waited for here often comes sooner than that.
#pragma once

#include "base/spin_time.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace base {

/// As std::condition_variable: notify with what has changed already visible under the waiters' mutex.
class SpinningCondition {
 public:
  void notify_all() {
    version_.fetch_add(1, std::memory_order_release);
    changed_.notify_all();
  }

  template <class Ready>
  void wait(std::unique_lock<std::mutex>& lock, Ready ready) {
    if (!spin(lock, TimePoint::max(), ready)) changed_.wait(lock, ready);
  }
  template <class Ready>
  bool wait_until(std::unique_lock<std::mutex>& lock, TimePoint deadline, Ready ready) {
    return spin(lock, deadline, ready) || changed_.wait_until(lock, deadline, ready);
  }

 private:
  /// True once `ready`; false when it is time to sleep.
  template <class Ready>
  bool spin(std::unique_lock<std::mutex>& lock, TimePoint deadline, Ready& ready) {
    // With one core, whoever is waited for could not run meanwhile.
    static const bool one_core = std::thread::hardware_concurrency() < 2;
    if (ready()) return true;
    if (one_core) return false;
    const TimePoint end = std::min(deadline, std::chrono::steady_clock::now() + spin_time_max());
    while (std::chrono::steady_clock::now() < end) {
      const std::uint32_t seen = version_.load(std::memory_order_acquire);
      lock.unlock();
      while (version_.load(std::memory_order_acquire) == seen && std::chrono::steady_clock::now() < end) relax();
      lock.lock();
      if (ready()) return true;
    }
    return false;
  }
  static void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }

  std::atomic<std::uint32_t> version_{0};
  std::condition_variable changed_;
};

}  // namespace base
