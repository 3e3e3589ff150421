// Notices that a peer sends nothing of what was asked for, and says so in the log: when it begins and when it is over.
#pragma once

#include "base/clock.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <memory>

namespace kvp2p {

/// One peer's, over all fetches. Node thread only. It only tells: deadlines end fetches.
class StallWatch {
 public:
  /// `is_owed`: whether the peer has credit for something that has not come. What this node has no room for is no stall
  /// of the peer's. `clock` outlives the watch.
  StallWatch(base::Clock& clock, const multiformats::PeerId& peer, std::function<bool()> is_owed)
      : clock_(clock), peer_(peer), is_owed_(std::move(is_owed)) {}

  void on_fetch_begun();
  void on_fetch_ended();
  /// A frame is here. Cheap.
  void on_frame();

  /// How often it has come to that.
  std::uint64_t stalls() const { return stalls_; }

 private:
  void look();
  void look_at(base::TimePoint when);
  void tell_over();

  base::Clock& clock_;
  const multiformats::PeerId peer_;
  const std::function<bool()> is_owed_;
  std::size_t fetches_ = 0;
  base::TimePoint last_frame_{};  // or when there was no reason yet to wait for one
  bool is_stalled_ = false;
  std::uint64_t stalls_ = 0;
  std::unique_ptr<base::Timer> timer_;
};

}  // namespace kvp2p
