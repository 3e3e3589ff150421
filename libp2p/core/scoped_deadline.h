// Bounds the time of whatever happens in a scope.
#pragma once

#include "base/clock.h"

#include <functional>
#include <memory>

namespace libp2p {

/// Calls `on_expiry` at `deadline` unless destroyed first; typically it resets the stream that the scope waits on, so
/// that the pending operation fails. Afterwards expired() tells a time-out from another failure.
///
///     ScopedDeadline deadline(clock, clock.now() + kHandshakeTimeout, [&] { stream.reset(); });
class ScopedDeadline {
 public:
  ScopedDeadline(base::Clock& clock, base::TimePoint deadline, std::function<void()> on_expiry)
      : expired_(std::make_shared<bool>(false)),
        timer_(clock.call_at(deadline, [expired = expired_, on_expiry = std::move(on_expiry)] {
          *expired = true;
          on_expiry();
        })) {}

  bool expired() const { return *expired_; }

 private:
  std::shared_ptr<bool> expired_;
  std::unique_ptr<base::Timer> timer_;
};

}  // namespace libp2p
