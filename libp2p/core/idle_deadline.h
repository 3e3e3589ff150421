// Bounds how long something may make no progress.
#pragma once

#include "base/clock.h"

#include <functional>
#include <memory>
#include <utility>

namespace libp2p {

/// Calls `on_idle` once progress() has not been called for `idle_max`; typically it resets the stream that the scope
/// waits on, so that the pending operation fails. Unlike a ScopedDeadline for each step it costs nothing a step: a
/// timer runs once an `idle_max`. Lives on the clock's executor.
class IdleDeadline {
 public:
  IdleDeadline(base::Clock& clock, base::Duration idle_max, std::function<void()> on_idle)
      : clock_(clock), idle_max_(idle_max), on_idle_(std::move(on_idle)) {
    progress();
    wait();
  }
  IdleDeadline(const IdleDeadline&) = delete;
  IdleDeadline& operator=(const IdleDeadline&) = delete;

  void progress() { idle_since_ = clock_.now(); }
  bool expired() const { return expired_; }

 private:
  void wait() {
    timer_ = clock_.call_at(idle_since_ + idle_max_, [this] {
      if (clock_.now() < idle_since_ + idle_max_) return wait();
      expired_ = true;
      // A copy of its own: the call may be the end of us.
      const auto call = std::move(on_idle_);
      call();
    });
  }

  base::Clock& clock_;
  base::Duration idle_max_;
  std::function<void()> on_idle_;
  base::TimePoint idle_since_;
  std::unique_ptr<base::Timer> timer_;
  bool expired_ = false;
};

}  // namespace libp2p
