// How long a thread looks for work before it sleeps.
#pragma once

#include "base/clock.h"

#include <chrono>
#include <thread>

namespace base {

/// Longer than a round trip between two processes of one machine and a small copy on its GPU together, so that a series
/// of short exchanges never pays for waking a thread (20 to 50 µs on a virtual machine). With few cores it is time that
/// the awaited thread needs itself.
inline Duration spin_time_max() {
  static const Duration time = std::chrono::microseconds(std::thread::hardware_concurrency() < 4 ? 50 : 200);
  return time;
}

}  // namespace base
