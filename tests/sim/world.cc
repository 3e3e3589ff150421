#include "tests/sim/world.h"

namespace kvp2p::sim {

base::Duration World::wait_of(base::Duration mean) {
  const double times = std::exponential_distribution<>()(random_);
  return std::chrono::duration_cast<base::Duration>(mean * times);
}

void World::settle() {
  io_.restart();
  io_.poll();
}

bool World::run_until(const std::function<bool()>& done, base::Duration time) {
  const base::TimePoint end = now() + time;
  settle();
  while (!done()) {
    const auto next = clock_.next_call();
    if (!next || *next > end) {
      clock_.advance(end - now());
      settle();
      return done();
    }
    clock_.advance(std::max(*next, now()) - now());
    settle();
  }
  return true;
}

void World::run_for(base::Duration time) {
  run_until([] { return false; }, time);
}

}  // namespace kvp2p::sim
