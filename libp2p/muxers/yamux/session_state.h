// The state of one yamux session and the rules that change it. Three parties use it, all on one executor: the session's
// and streams' handles (the application), the reader (session_reader.cc) and the writer (session_writer.cc).
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/core/rate_budget.h"
#include "libp2p/core/stream.h"
#include "libp2p/core/stream_budget.h"
#include "libp2p/muxers/yamux/flat_queue.h"
#include "libp2p/muxers/yamux/send_batch.h"
#include "libp2p/muxers/yamux/stream_state.h"
#include "libp2p/muxers/yamux/yamux_config.h"

#include <memory>
#include <optional>
#include <unordered_map>

namespace libp2p::yamux {

using StreamPtr = std::shared_ptr<StreamState>;

/// Shared: the handles, the two loops and pending operations hold it, and whichever is last frees it. Not thread-safe.
///
/// A session is running, then ended (ended() is set: nothing works any more; the loops say goodbye, or not if it was
/// aborted), then closed (both loops are over and the secured stream is gone).
class SessionState final : public std::enable_shared_from_this<SessionState> {
 public:
  SessionState(base::Executor executor, base::Clock& clock, const YamuxConfig& config,
               std::shared_ptr<ReceivedTotal> received, std::unique_ptr<Stream> secured, bool is_dialler);

  /// Starts both loops.
  void start();

  // The session's handle.
  base::Result<StreamPtr> open();
  base::Task<base::Result<StreamPtr>> accept();
  /// Ends all streams; the writer sends GoAway after what waits, and the reader waits for the other side to close.
  void begin_close(GoAwayCode code, base::Error error);
  /// Ends everything without a word. `discard`: what streams have buffered is dropped.
  void abort(base::Error error, bool discard) noexcept;
  base::Task<> wait_closed();
  const std::optional<base::Error>& ended() const { return ended_; }
  std::size_t stream_count() const { return streams_.size(); }
  bool takes_streams() const { return !ended_ && !remote_goes_away_; }
  /// Streams that are there already are not counted.
  void set_stream_budget(std::shared_ptr<StreamBudget> budget) { budget_ = std::move(budget); }

  // A stream's handle.
  /// The reader has taken `count` bytes: gives credit when it is time.
  void on_consumed(const StreamPtr& stream, std::size_t count);
  /// The stream has data or a FIN to send.
  void want_to_send(const StreamPtr& stream);
  void reset_by_us(const StreamPtr& stream) noexcept;
  /// The handle is gone.
  void release(const StreamPtr& stream) noexcept;

  // The reader.
  /// Around each frame. Error::kProtocolViolation if too many have been of no use.
  void on_frame_begun() { frame_was_useful_ = false; }
  base::Result<> on_frame_ended();
  void on_payload() { frame_was_useful_ = true; }
  /// Resets streams until no more is held unread than may be.
  void bound_received();
  /// Whether much has come that nobody reads. Its peer has no claim to speed.
  bool holds_much_unread() const { return meter_.bytes() > config_.received_bytes_max / kMuchUnreadPart; }
  /// The stream that a frame is for, made if the frame opens it; null if the frame is to be dropped.
  base::Result<StreamPtr> stream_of(const FrameHeader& header);
  base::Result<> on_ping(const FrameHeader& header);
  void on_go_away();
  base::Result<> on_credit(const StreamPtr& stream, std::uint32_t bytes);
  void on_fin(const StreamPtr& stream);
  void reset_by_peer(const StreamPtr& stream);
  /// Bytes have come in: the other side is alive.
  void on_heard() { heard_ = true; }
  /// Whether as much waits to be written as a peer may provoke: answers, and streams that ended while they waited.
  bool output_is_full() const {
    return control_queue_.size() >= config_.control_frames_max ||
           control_list_.size() + data_list_.size() > 2 * config_.streams_max + config_.control_frames_max;
  }
  base::Task<> wait_for_output_room() { return output_drained_.wait(); }

  // The writer.
  /// Takes what can be sent now, control frames first.
  void fill(SendBatch& batch);
  void on_batch_begun(const SendBatch& batch) { batch_in_flight_ = &batch; }
  void on_batch_ended(const SendBatch& batch, bool written);
  base::Task<> wait_for_work() { return work_.wait(); }
  GoAwayCode go_away_code() const { return go_away_code_; }
  bool is_aborted() const { return aborted_; }

  /// Called by each loop as the last thing it does.
  void on_loop_ended();

  Stream& secured() { return *secured_; }
  const YamuxConfig& config() const { return config_; }

 private:
  static constexpr std::size_t kMuchUnreadPart = 8;

  bool is_ours(std::uint32_t id) const { return (id % 2 == 1) == is_dialler_; }
  /// Takes a stream from the budget; false if there is no room for one more.
  bool reserve_stream();
  void return_to_budget() noexcept;
  StreamPtr make_stream(std::uint32_t id, bool outbound);
  void add_to_control_list(const StreamPtr& stream);
  void queue_control(const FrameHeader& frame);
  void fill_control(SendBatch& batch);
  void fill_data(SendBatch& batch);
  void emit_window_update(SendBatch& batch, StreamState& stream);
  void emit_fin(SendBatch& batch, const StreamPtr& stream);
  std::uint32_t grow_window(StreamState& stream, std::uint32_t wanted);
  void end_stream(StreamState& stream, base::Error error, bool discard) noexcept;
  void end_all_streams(base::Error error, bool discard) noexcept;
  void let_go_of_buffers() noexcept;
  /// Of a stream that has ended.
  void discard_rest(const StreamPtr& stream) noexcept;
  void remove(const StreamPtr& stream) noexcept;
  void remove_if_finished(const StreamPtr& stream) noexcept;

  void arm_keep_alive();
  void send_ping();
  void arm_ping_timeout();
  template <void (SessionState::*method)()>
  std::unique_ptr<base::Timer> call_after(base::Duration time);
  void on_keep_alive();
  void on_ping_timeout();
  void on_close_timeout();
  void on_stalled_write();

  const base::Executor executor_;
  base::Clock& clock_;
  const YamuxConfig config_;
  const bool is_dialler_;
  std::unique_ptr<Stream> secured_;
  ReceiveMeter meter_;  // before the streams, which count in it to their end

  std::unordered_map<std::uint32_t, StreamPtr> streams_;
  std::shared_ptr<StreamBudget> budget_;
  std::size_t budget_taken_ = 0;
  std::uint32_t next_id_;
  std::size_t unacknowledged_ = 0;
  std::size_t window_growth_bytes_ = 0;
  FlatQueue<StreamPtr> backlog_;  // inbound, not accepted yet
  base::Signal acceptable_;

  FlatQueue<FrameHeader> control_queue_;
  FlatQueue<StreamPtr> control_list_;  // streams with a window update to send, each at most once
  FlatQueue<StreamPtr> data_list_;     // streams with data or a FIN to send, each at most once
  base::Signal work_;
  base::Signal output_drained_;
  const SendBatch* batch_in_flight_ = nullptr;

  std::optional<base::Error> ended_;
  bool aborted_ = false;
  bool remote_goes_away_ = false;
  GoAwayCode go_away_code_ = GoAwayCode::kNormal;
  int loops_ = 0;
  base::Signal closed_;

  std::uint32_t ping_value_ = 0;
  bool ping_outstanding_ = false;
  bool heard_ = false;
  base::TimePoint ping_sent_at_{};
  base::Duration round_trip_{};  // 0 while unknown
  base::TimePoint ping_second_began_{};
  std::size_t pings_this_second_ = 0;
  bool frame_was_useful_ = false;
  RateBudget useless_frames_;

  std::unique_ptr<base::Timer> keep_alive_timer_;
  std::unique_ptr<base::Timer> ping_timer_;
  std::unique_ptr<base::Timer> close_timer_;
  std::unique_ptr<base::Timer> stall_timer_;
};

/// Reads and obeys frames until the session has ended, then discards what comes until the other side has closed.
base::Task<> run_reader(std::shared_ptr<SessionState> session);
/// Sends what there is to send until the session has ended, then the goodbye.
base::Task<> run_writer(std::shared_ptr<SessionState> session);

}  // namespace libp2p::yamux
