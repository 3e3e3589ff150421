// Outages: times at which a link carries nothing.
#pragma once

#include "base/clock.h"

#include <cstdint>
#include <optional>

namespace kvp2p::link {

/// When it begins: so long after the link is up, or when so many bytes have gone through it, both ways together. The
/// second puts it into the middle of a transfer, however fast the machine is.
struct Outage {
  std::optional<base::Duration> at;
  std::uint64_t at_bytes = 0;  ///< if there is no time
  base::Duration duration{};
};

/// Follows one outage. Not thread-safe; time is passed in.
class OutageClock {
 public:
  enum class Change { kNone, kBegun, kEnded };

  OutageClock(std::optional<Outage> outage, base::TimePoint start) : outage_(outage), start_(start) {}

  /// What has changed since it was last asked; one change at a time.
  Change advance(base::TimePoint now, std::uint64_t carried_bytes);
  /// Packets that come now are lost.
  bool is_out() const { return ends_.has_value(); }
  /// When to ask again, though no packet comes.
  std::optional<base::TimePoint> next() const;

 private:
  std::optional<Outage> outage_;  // nothing once it has begun
  base::TimePoint start_;
  std::optional<base::TimePoint> ends_;
};

}  // namespace kvp2p::link
