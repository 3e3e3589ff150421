#pragma once

#include <thread>

namespace base {

/// Whether there are cores for what only saves time: a thread that looks for work before it sleeps, work that is done
/// beside the thread that has it. Where there are few, whoever is waited for needs them.
inline bool has_spare_cores() {
  constexpr unsigned kCoresMin = 8;
  static const bool has = std::thread::hardware_concurrency() >= kCoresMin;
  return has;
}

}  // namespace base
