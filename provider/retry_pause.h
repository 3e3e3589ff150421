// How long to wait before the next try: doubled each time, with chance in it, so that nodes which lost the same peer do
// not all come back at the same moment.
#pragma once

#include "base/clock.h"

#include <algorithm>
#include <functional>

namespace kvp2p {

/// From 0 to 1.
using Chance = std::function<double()>;

/// A value. Waits are from half of what is due to all of it.
class RetryPause {
 public:
  RetryPause(base::Duration first, base::Duration last) : first_(first), last_(last), due_(first) {}

  base::Duration next(const Chance& chance) {
    const base::Duration due = std::exchange(due_, std::min(2 * due_, last_));
    return due / 2 + base::Duration(static_cast<std::int64_t>(chance() * static_cast<double>((due / 2).count())));
  }
  /// It has worked: the next failure waits as the first did.
  void reset() { due_ = first_; }

 private:
  base::Duration first_, last_, due_;
};

}  // namespace kvp2p
