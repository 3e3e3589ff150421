#include "libp2p/discovery/mdns/answer_schedule.h"

#include <algorithm>
#include <utility>

namespace libp2p::mdns {

base::TimePoint AnswerSchedule::ask(std::uint8_t what, base::TimePoint now, base::Duration jitter) {
  base::TimePoint due = now + jitter;
  if (answered_) due = std::max(due, *answered_ + kAnswerInterval);
  due_ = asked_ == 0 ? due : std::min(due, due_);
  asked_ |= what;
  return due_;
}

std::uint8_t AnswerSchedule::take(base::TimePoint now) {
  answered_ = now;
  return std::exchange(asked_, std::uint8_t{0});
}

}  // namespace libp2p::mdns
