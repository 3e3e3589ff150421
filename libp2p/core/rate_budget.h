// Bounds how often a peer may make us do something.
#pragma once

#include "base/clock.h"

#include <algorithm>
#include <cstddef>

namespace libp2p {

/// Something may happen `burst` times at once, and once an `interval` in the long run. A value.
class RateBudget {
 public:
  /// REQUIRES: burst > 0.
  RateBudget(std::size_t burst, base::Duration interval)
      : interval_(interval), ahead_max_(interval * static_cast<base::Duration::rep>(burst - 1)) {}

  /// Whether it may happen now; if so, that is counted.
  bool take(base::TimePoint now) {
    const base::TimePoint begin = std::max(used_until_, now);
    if (begin - now > ahead_max_) return false;
    used_until_ = begin + interval_;
    return true;
  }

 private:
  base::Duration interval_;
  base::Duration ahead_max_;
  /// What has happened has used up the intervals until then.
  base::TimePoint used_until_{};
};

}  // namespace libp2p
