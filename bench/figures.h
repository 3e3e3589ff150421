// Figures of repeated runs.
#pragma once

#include <algorithm>
#include <cassert>
#include <chrono>
#include <vector>

namespace kvp2p::bench {

/// REQUIRES: not empty.
inline double median(std::vector<double> values) {
  assert(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// Seconds that a call takes.
template <class Call>
double seconds_of(Call&& call) {
  const auto begin = std::chrono::steady_clock::now();
  call();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace kvp2p::bench
