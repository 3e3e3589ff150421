// One fetch under way: what was asked for, what has come, and room for what is to come.
#pragma once

#include "base/clock.h"
#include "exchange/exchange.h"
#include "exchange/frame_receiver.h"
#include "exchange/node_context.h"
#include "exchange/session_link.h"
#include "wire/messages.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace kvp2p {

/// Shared by its FetchClient (while it runs) and by the Fetch that the caller holds. Node thread only.
///
/// Only leased staging slots are granted as credit, so that a frame that comes has a place and a stream never waits for
/// one.
class FetchTask : public std::enable_shared_from_this<FetchTask> {
 public:
  /// Room for one peer's frames, over all its fetches.
  struct PeerRoom {
    std::size_t bytes = 0;  // leased and waiting for a frame
    std::size_t bytes_max = 0;
    std::size_t fetches = 0;
    std::function<void()> freed;  // a fetch uses less than before: others may want it
  };

  FetchTask(std::shared_ptr<NodeContext> context, SessionLink& link, std::uint64_t id, FetchRequest request,
            FetchSink& sink, base::TimePoint deadline, PeerRoom& peer_room);
  ~FetchTask();

  /// Called once, when the task has ended in any way.
  void on_ended(std::function<void()> call) { on_ended_ = std::move(call); }

  /// Ends the task at its deadline; before run().
  void start_deadline();
  /// Gets a data stream and asks.
  static base::Task<> run(std::shared_ptr<FetchTask> task, std::shared_ptr<void> keep);
  /// The caller does not want it any more: the sink is not called again.
  void cancel();
  /// Tells the sink, unless ended.
  void end(base::Result<> outcome);

  // From the peer.
  /// The peer has credit, or has been asked and may not have heard of it.
  bool is_owed() const { return room_.size() > not_granted_; }
  bool uses(const DataStream& stream) const { return stream_.get() == &stream; }
  base::Result<std::unique_ptr<FramePlace>> place(wire::FrameHeader header);
  void on_gone(const wire::Gone& gone);
  void on_get_end(const wire::GetEnd& end);
  void on_busy(const wire::Busy& busy);

  /// Leases what it may and tells the peer.
  void refill();

 private:
  class Place;
  void deliver(StagingLease staging, wire::FrameHeader header);
  void ask();
  void stop();
  void finish_if_complete();
  void wait_for_slot();
  bool slices_are_new(const wire::FrameHeader& header, std::size_t layer_index) const;
  std::size_t window() const;
  std::size_t frames_wanted() const;
  std::size_t frame_bytes_max() const;
  /// Staging memory that one frame may need.
  std::size_t room_bytes() const;

  std::shared_ptr<NodeContext> context_;
  SessionLink& link_;  // valid until ended
  std::uint64_t id_;
  FetchRequest request_;
  FetchSink* sink_;
  base::TimePoint deadline_;
  PeerRoom& peer_room_;  // valid until ended
  std::function<void()> on_ended_;

  std::size_t slice_bytes_ = 0;            // one layer of one block, the heads asked for
  std::vector<std::int32_t> layer_index_;  // by layer: its place in request_.layers, or -1
  std::vector<bool> seen_;                 // by layer index * blocks + block
  std::vector<bool> gone_;                 // by block
  std::size_t slices_left_ = 0;
  std::size_t frames_received_ = 0;
  std::optional<std::size_t> frames_expected_;
  std::size_t bytes_received_ = 0;

  std::deque<StagingLease> room_;
  std::size_t not_granted_ = 0;  // of room_: the peer has not been told
  bool asked_ = false;
  bool waiting_for_slot_ = false;
  bool ended_ = false;
  base::TimePoint began_;
  std::shared_ptr<DataStream> stream_;
  std::unique_ptr<base::Timer> deadline_timer_;
  std::unique_ptr<base::Timer> retry_timer_;
};

}  // namespace kvp2p
