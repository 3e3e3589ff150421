#include "tools/link/direction.h"

#include <algorithm>

namespace kvp2p::link {

base::Duration Direction::time_of(std::uint64_t bytes) const {
  // In 128 bits it cannot overflow.
  const auto ns = static_cast<unsigned __int128>(bytes) * 8 * 1'000'000'000 / shape_.rate_bits_per_s;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(ns));
}

std::optional<base::TimePoint> Direction::admit(std::size_t bytes, base::TimePoint now, bool is_out) {
  ++counts_.packets;
  if (is_out) {
    ++counts_.outage;
    return std::nullopt;
  }
  const base::TimePoint begins = std::max(wire_free_, now);
  // The packet that is just being sent needs no room in the queue; a packet that finds the wire idle always passes.
  if (begins - now > time_of(shape_.queue_bytes)) {
    ++counts_.dropped;
    return std::nullopt;
  }
  wire_free_ = begins + time_of(bytes);
  if (shape_.loss > 0 && std::uniform_real_distribution<>()(random_) < shape_.loss) {
    ++counts_.lost;
    return std::nullopt;
  }
  counts_.bytes += bytes;
  base::Duration travel = shape_.delay;
  if (shape_.jitter.count() > 0) {
    travel += base::Duration(std::uniform_int_distribution<base::Duration::rep>(0, shape_.jitter.count())(random_));
  }
  last_arrival_ = std::max(last_arrival_, wire_free_ + travel);
  return last_arrival_;
}

}  // namespace kvp2p::link
