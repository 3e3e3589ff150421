// Bounds a rate: so many tokens a second, saved up to one second's worth unless told otherwise.
#pragma once

#include "base/clock.h"

#include <algorithm>
#include <cstdint>
#include <optional>

namespace base {

class TokenBucket {
 public:
  TokenBucket(std::uint64_t tokens_per_second, TimePoint now)
      : TokenBucket(tokens_per_second, tokens_per_second, now) {}
  /// Full at first.
  TokenBucket(std::uint64_t tokens_per_second, std::uint64_t saved_max, TimePoint now)
      : per_second_(static_cast<double>(tokens_per_second)),
        saved_max_(static_cast<double>(saved_max)),
        tokens_(saved_max_),
        last_(now) {}

  /// From now on; of what is saved up so much is kept.
  void set_rate(std::uint64_t tokens_per_second, std::uint64_t saved_max) {
    per_second_ = static_cast<double>(tokens_per_second);
    saved_max_ = static_cast<double>(saved_max);
  }

  /// Takes `count` tokens; false, taking none, if there are not that many.
  /// REQUIRES: count is no more than can be saved, or it is never granted.
  bool take(std::uint64_t count, TimePoint now) {
    const double seconds = std::chrono::duration<double>(now - last_).count();
    tokens_ = std::min(saved_max_, tokens_ + seconds * per_second_);
    last_ = now;
    if (tokens_ < static_cast<double>(count)) return false;
    tokens_ -= static_cast<double>(count);
    return true;
  }

  /// Takes `count` tokens before they are there; how long until they are. Nothing, taking none, if that is longer than
  /// `wait_max`.
  std::optional<Duration> reserve(std::uint64_t count, TimePoint now, Duration wait_max) {
    take(0, now);  // brings it up to date
    const double missing = std::max(0.0, static_cast<double>(count) - tokens_);
    const auto wait = std::chrono::duration_cast<Duration>(std::chrono::duration<double>(missing / per_second_));
    if (wait > wait_max) return std::nullopt;
    tokens_ -= static_cast<double>(count);
    return wait;
  }

 private:
  double per_second_;
  double saved_max_;
  double tokens_;
  TimePoint last_;
};

}  // namespace base
