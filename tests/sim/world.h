// Where a simulation runs: one thread, one clock, one seed.
#pragma once

#include "base/clock.h"
#include "tests/sim/trace.h"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <random>

namespace kvp2p::sim {

using Random = std::mt19937_64;

/// Time passes when nothing is left to do at the present one. Everything that is random in a simulation comes from
/// here, so that equal seeds make equal runs. Not thread-safe.
class World {
 public:
  explicit World(std::uint64_t seed) : random_(seed) {}

  base::Executor executor() { return io_.get_executor(); }
  base::ManualClock& clock() { return clock_; }
  base::TimePoint now() const { return clock_.now(); }
  Trace& trace() { return trace_; }
  Random& random() { return random_; }

  /// Uniform in [0, 1).
  double chance() { return std::uniform_real_distribution<>()(random_); }
  /// Uniform in [0, count). REQUIRES: count > 0.
  std::size_t pick(std::size_t count) { return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_); }
  /// Exponentially distributed: the time to the next of events that come once in `mean`.
  base::Duration wait_of(base::Duration mean);

  void run_for(base::Duration time);
  /// Runs until `done`, for at most `time`; whether it is.
  bool run_until(const std::function<bool()>& done, base::Duration time);
  /// Everything that can be done without time passing.
  void settle();

 private:
  // All on one thread: asio need not lock.
  boost::asio::io_context io_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  base::ManualClock clock_;
  Trace trace_;
  Random random_;
};

}  // namespace kvp2p::sim
