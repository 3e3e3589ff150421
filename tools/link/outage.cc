#include "tools/link/outage.h"

namespace kvp2p::link {

OutageClock::Change OutageClock::advance(base::TimePoint now, std::uint64_t carried_bytes) {
  if (ends_) {
    if (now < *ends_) return Change::kNone;
    ends_.reset();
    return Change::kEnded;
  }
  if (!outage_) return Change::kNone;
  const bool begins = outage_->at ? now >= start_ + *outage_->at : carried_bytes >= outage_->at_bytes;
  if (!begins) return Change::kNone;
  ends_ = now + outage_->duration;
  outage_.reset();
  return Change::kBegun;
}

std::optional<base::TimePoint> OutageClock::next() const {
  if (ends_) return ends_;
  if (outage_ && outage_->at) return start_ + *outage_->at;
  return std::nullopt;
}

}  // namespace kvp2p::link
