// One fetch under way: what was asked for, what has come, and room for what is to come.
#pragma once

#include "base/clock.h"
#include "exchange/exchange.h"
#include "exchange/fetch_frames.h"
#include "exchange/lane_set.h"
#include "exchange/node_context.h"
#include "exchange/pack_choice.h"
#include "exchange/session_link.h"
#include "wire/messages.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace kvp2p {

/// Shared by its FetchClient (while it runs) and by the Fetch that the caller holds. Node thread only; `frames()` is
/// what the lanes use.
///
/// Only leased staging slots are granted as credit, so that a frame that comes has a place and a lane never waits for
/// one. What a lane that dies has not brought is asked for over the others.
class FetchTask : public std::enable_shared_from_this<FetchTask> {
 public:
  /// What the fetches of one peer share.
  struct Shared {
    std::size_t bytes = 0;  // leased and waiting for a frame, over all fetches
    std::size_t bytes_max = 0;
    std::size_t fetches = 0;
    std::function<void()> freed;  // a fetch uses less than before: others may want it
    SessionLink& link;
    LaneSet& lanes;
    PackChoice pack;
    std::uint64_t timeouts_logged = 0;
  };

  FetchTask(std::shared_ptr<NodeContext> context, std::uint64_t id, FetchRequest request, FetchSink& sink,
            base::TimePoint deadline, Shared& shared);
  ~FetchTask();

  const std::shared_ptr<FetchFrames>& frames() const { return frames_; }
  /// Called once, when the task has ended in any way; whether everything has come.
  void on_ended(std::function<void(bool is_complete)> call) { on_ended_ = std::move(call); }

  /// Ends the task at its deadline; before begin().
  void start_deadline();
  /// Asks, over what lanes there are. If there is none, the first one that joins will do.
  void begin();
  /// The caller does not want it any more: the sink is not called again.
  void cancel();
  /// Tells the sink, unless ended.
  void end(base::Result<> outcome);

  // Lanes.
  void on_lane_up(std::uint32_t number);
  void on_lane_ended(std::uint32_t number);
  bool uses(std::uint32_t number) const;
  bool has_lanes() const { return !streams_.empty(); }
  /// The peer says that it has sent more over this lane than has come.
  bool is_owed(std::uint32_t number) const;
  /// The peer has credit, or has been asked and may not have heard of it.
  bool is_owed() const { return frames_->granted() > 0; }
  /// Asks the peer for its counts if nothing has come for `silence`, or a lane in use has not moved for so long. A lane
  /// may have swallowed what was granted without a byte of it having come, so that this end cannot know that it owes.
  void look_for_silence(base::Duration silence, const std::vector<std::uint32_t>& still);

  // From the peer.
  void deliver(ArrivedFrame frame);
  void on_gone(const wire::Gone& gone);
  void on_get_end(const wire::GetEnd& end);
  void on_counts(const wire::CountsAnswer& counts);
  void on_busy(const wire::Busy& busy);

  /// Leases what it may and tells the peer.
  void refill();

 private:
  void ask();
  void stop(bool is_complete);
  void finish_if_complete();
  void tell_of_timeout();
  void wait_for_slot();
  std::size_t bytes_wanted() const;
  std::size_t window() const;
  std::size_t frames_wanted() const;
  std::size_t frame_bytes_max() const;
  std::size_t slices_per_frame() const;
  std::uint32_t received_over(std::uint32_t number) const;
  /// Whether the peer's exact counts are possible.
  bool fits(const wire::GetEnd& end) const;
  void ask_counts(base::TimePoint now, base::Duration silence);

  std::shared_ptr<NodeContext> context_;
  std::uint64_t id_;
  FetchRequest request_;
  FetchSink* sink_;
  base::TimePoint deadline_;
  Shared& shared_;  // valid until ended
  std::function<void(bool)> on_ended_;

  std::size_t slice_bytes_ = 0;  // one layer of one block, the heads asked for
  std::size_t lanes_wanted_ = 1;
  bool may_be_packed_ = false;
  bool may_be_joined_ = false;
  std::size_t slices_per_frame_ = 1;
  std::shared_ptr<FetchFrames> frames_;
  std::size_t leases_ = 0;  // of room and of frames being read
  std::size_t frames_received_ = 0;
  std::size_t bytes_received_ = 0;
  std::vector<std::uint32_t> streams_;               // that frames may come over now
  std::map<std::uint32_t, std::uint32_t> received_;  // frames, by stream
  std::uint32_t losses_ = 0;                         // lanes lost, and told so to the peer
  std::optional<wire::GetEnd> expected_;
  std::optional<wire::CountsAnswer> counts_;     // before that, if asked for
  std::optional<base::TimePoint> counts_asked_;  // when last
  std::size_t frames_seen_ = 0;                  // by the last look for silence
  base::TimePoint silent_since_;

  bool asked_ = false;
  bool begun_ = false;
  bool waiting_for_slot_ = false;
  bool ended_ = false;
  base::TimePoint began_;
  std::unique_ptr<base::Timer> deadline_timer_;
  std::unique_ptr<base::Timer> retry_timer_;
};

}  // namespace kvp2p
