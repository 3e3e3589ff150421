// When one link answers queries.
#pragma once

#include "base/clock.h"

#include <optional>

namespace libp2p::mdns {

/// No more than one answer in this time on one link, whoever asks and however often (RFC 6762 section 6).
inline constexpr base::Duration kAnswerInterval = std::chrono::seconds(1);

/// Joins the queries that come while an answer waits: either for its turn among those of other peers (the jitter), or
/// for kAnswerInterval to pass. A value; time is passed in.
class AnswerSchedule {
 public:
  /// A query asked for `what` (bits of Asked, at least one). Returns when to answer.
  base::TimePoint ask(std::uint8_t what, base::TimePoint now, base::Duration jitter);
  /// What to answer now, all that was asked since the last time; nothing is left.
  std::uint8_t take(base::TimePoint now);

 private:
  std::uint8_t asked_ = 0;
  base::TimePoint due_{};
  std::optional<base::TimePoint> answered_;
};

}  // namespace libp2p::mdns
