#include "exchange/stall_watch.h"

#include "base/log.h"
#include "exchange/limits.h"

namespace kvp2p {

namespace {

double seconds(base::Duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

void StallWatch::on_fetch_begun() {
  if (fetches_++ > 0) return;
  last_frame_ = clock_.now();
  look_at(last_frame_ + kStallNoticed);
}

void StallWatch::on_fetch_ended() {
  if (--fetches_ > 0) return;
  timer_.reset();
  is_stalled_ = false;  // how the fetches ended is told by others
}

void StallWatch::on_frame() {
  if (is_stalled_) tell_over();
  last_frame_ = clock_.now();
}

void StallWatch::tell_over() {
  is_stalled_ = false;
  if (stalls_ <= kStallsLoggedMax) {
    LOG_INFO("peer {}: data comes again, after {:.1f} s without", peer_.short_text(),
             seconds(clock_.now() - last_frame_));
  }
  look_at(clock_.now() + kStallNoticed);
}

void StallWatch::look_at(base::TimePoint when) {
  timer_ = clock_.call_at(when, [this] {
    const auto fired = std::move(timer_);  // lives until its call is over
    look();
  });
}

void StallWatch::look() {
  const base::TimePoint now = clock_.now();
  if (!is_owed_()) last_frame_ = now;
  if (now - last_frame_ < kStallNoticed) return look_at(last_frame_ + kStallNoticed);
  is_stalled_ = true;
  if (++stalls_ > kStallsLoggedMax) return;
  LOG_WARN("peer {}: no frame has come for {:.1f} s; {}", peer_.short_text(), seconds(now - last_frame_),
           fetches_ == 1 ? "a fetch waits" : "fetches wait");
}

}  // namespace kvp2p
