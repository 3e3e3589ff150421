// Bounds a rate: so many tokens a second, saved up to one second's worth.
#pragma once

#include "base/clock.h"

#include <algorithm>
#include <cstdint>

namespace kvp2p {

class TokenBucket {
 public:
  TokenBucket(std::uint64_t tokens_per_second, base::TimePoint now)
      : per_second_(static_cast<double>(tokens_per_second)), tokens_(per_second_), last_(now) {}

  /// From now on; what is saved up and more than a second's worth is lost.
  void set_rate(std::uint64_t tokens_per_second) { per_second_ = static_cast<double>(tokens_per_second); }

  /// Takes `count` tokens; false, taking none, if there are not that many.
  /// REQUIRES: count <= tokens_per_second, or it is never granted.
  bool take(std::uint64_t count, base::TimePoint now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    tokens_ = std::min(per_second_, tokens_ + seconds * per_second_);
    last_ = now;
    if (tokens_ < static_cast<double>(count)) return false;
    tokens_ -= static_cast<double>(count);
    return true;
  }

 private:
  double per_second_;
  double tokens_;
  base::TimePoint last_;
};

}  // namespace kvp2p
