// One direction of a link: what becomes of a packet, and when it arrives.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>

namespace kvp2p::link {

struct DirectionShape {
  std::uint64_t rate_bits_per_s = 1'000'000'000;
  base::Duration delay{};       ///< one way
  base::Duration jitter{};      ///< up to so much is added to the delay of each packet; they stay in order
  std::size_t queue_bytes = 0;  ///< room before the bottleneck; what finds it full is dropped
  double loss = 0;              ///< probability
  std::uint64_t seed = 1;
};

/// A queue before a wire of so many bits a second (the queue drops what it has no room for), then the wire's length, on
/// which packets may be lost. Pure: time and the seed are passed in, and nothing is held but times.
class Direction {
 public:
  explicit Direction(const DirectionShape& shape) : shape_(shape), random_(shape.seed) {}

  struct Counts {
    std::uint64_t packets = 0;  ///< that came, dropped and lost ones too
    std::uint64_t bytes = 0;    ///< of those that arrived
    std::uint64_t dropped = 0;  ///< the queue was full
    std::uint64_t lost = 0;     ///< by the wire
    std::uint64_t outage = 0;   ///< came while the link was out
  };

  /// A packet of `bytes` (IP header included) comes at `now`, not before the one before it: when it will be at the
  /// other end, which is never before the one before it. Nothing: it will not.
  std::optional<base::TimePoint> admit(std::size_t bytes, base::TimePoint now, bool is_out);

  const Counts& counts() const { return counts_; }

 private:
  base::Duration time_of(std::uint64_t bytes) const;

  const DirectionShape shape_;
  std::mt19937_64 random_;
  base::TimePoint wire_free_{};  // all that was admitted has left by then
  base::TimePoint last_arrival_{};
  Counts counts_;
};

}  // namespace kvp2p::link
