#include "libp2p/muxers/yamux/session_state.h"

#include "libp2p/core/error.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace libp2p::yamux {

namespace {

/// A window grows while half of it is consumed within this many round trips: then it is smaller than bandwidth × delay,
/// with room for the time that both ends take to run.
constexpr int kGrowthRoundTrips = 4;

/// Credit that leaves a stream a smaller window than this makes us send crumbs.
constexpr std::uint32_t kUsefulWindowBytes = 256;

}  // namespace

SessionState::SessionState(base::Executor executor, base::Clock& clock, const YamuxConfig& config,
                           std::shared_ptr<ReceivedTotal> received, std::unique_ptr<Stream> secured, bool is_dialler)
    : executor_(std::move(executor)),
      clock_(clock),
      config_(config),
      is_dialler_(is_dialler),
      secured_(std::move(secured)),
      meter_(std::move(received)),
      next_id_(is_dialler ? 1 : 2),
      acceptable_(executor_),
      work_(executor_),
      output_drained_(executor_),
      closed_(executor_),
      useless_frames_(2 * config_.useless_frames_per_second_max,
                      base::Duration(std::chrono::seconds(1)) / config_.useless_frames_per_second_max) {
  assert(config_.receive_window_initial_bytes >= kInitialWindowBytes);
  assert(config_.receive_window_max_bytes >= config_.receive_window_initial_bytes);
  assert(config_.receive_window_max_bytes <= std::numeric_limits<std::int32_t>::max());
}

void SessionState::start() {
  loops_ = 2;
  send_ping();
  arm_keep_alive();
  base::spawn(executor_, run_reader(shared_from_this()));
  base::spawn(executor_, run_writer(shared_from_this()));
}

void SessionState::on_loop_ended() {
  if (--loops_ > 0) return;
  secured_.reset();
  keep_alive_timer_.reset();
  ping_timer_.reset();
  close_timer_.reset();
  stall_timer_.reset();
  closed_.notify_all();
}

base::Task<> SessionState::wait_closed() {
  auto self = shared_from_this();
  while (self->loops_ > 0) co_await self->closed_.wait();
}

// Opening and accepting.

bool SessionState::reserve_stream() {
  if (streams_.size() >= config_.streams_max) return false;
  if (!budget_) return true;
  if (!budget_->take()) return false;
  ++budget_taken_;
  return true;
}

void SessionState::return_to_budget() noexcept {
  if (budget_taken_ <= streams_.size()) return;
  budget_->give_back(budget_taken_ - streams_.size());
  budget_taken_ = streams_.size();
}

StreamPtr SessionState::make_stream(std::uint32_t id, bool outbound) {
  auto stream = std::make_shared<StreamState>(executor_, meter_, id, outbound);
  stream->credited_at = clock_.now();
  const std::uint32_t extra = config_.receive_window_initial_bytes - kInitialWindowBytes;
  stream->credit_pending = grow_window(*stream, extra);
  streams_.emplace(id, stream);
  return stream;
}

base::Result<StreamPtr> SessionState::open() {
  if (ended_) return *ended_;
  if (remote_goes_away_) return Error::kConnectionClosed;
  if (unacknowledged_ >= config_.unacknowledged_max) return Error::kTooManyStreams;
  if (next_id_ > std::numeric_limits<std::uint32_t>::max() - 2) return Error::kTooManyStreams;
  if (!reserve_stream()) return Error::kTooManyStreams;
  StreamPtr stream = make_stream(next_id_, true);
  next_id_ += 2;
  ++unacknowledged_;
  stream->has_handle = true;
  stream->syn_pending = true;
  add_to_control_list(stream);
  return stream;
}

base::Task<base::Result<StreamPtr>> SessionState::accept() {
  auto self = shared_from_this();
  while (!self->ended_) {
    if (self->backlog_.empty()) {
      co_await self->acceptable_.wait();
      continue;
    }
    StreamPtr stream = std::move(self->backlog_.front());
    self->backlog_.pop_front();
    stream->has_handle = true;
    stream->ack_pending = true;
    self->add_to_control_list(stream);
    co_return stream;
  }
  co_return *self->ended_;
}

base::Result<StreamPtr> SessionState::stream_of(const FrameHeader& header) {
  const auto found = streams_.find(header.stream_id);
  if (!header.has(kFlagSyn)) {
    // A stream that has ended here may have frames on their way from before the other side knew.
    if (found == streams_.end()) return StreamPtr();
    StreamState& stream = *found->second;
    if (header.has(kFlagAck) && stream.outbound && !stream.acknowledged) {
      frame_was_useful_ = true;
      stream.acknowledged = true;
      --unacknowledged_;
    }
    return found->second;
  }
  if (found != streams_.end() || is_ours(header.stream_id)) return Error::kProtocolViolation;
  if (header.has(kFlagRst)) return StreamPtr();
  if (backlog_.size() >= config_.accept_backlog_max || !reserve_stream()) {
    queue_control({FrameType::kWindowUpdate, kFlagRst, header.stream_id, 0});
    return StreamPtr();
  }
  frame_was_useful_ = true;
  StreamPtr stream = make_stream(header.stream_id, false);
  backlog_.push_back(stream);
  acceptable_.notify_all();
  return stream;
}

// Ending streams.

void SessionState::end_stream(StreamState& stream, base::Error error, bool discard) noexcept {
  if (stream.error) return;
  stream.error = error;
  if (discard) {
    stream.received.clear();
    stream.fin_received = false;
    if (stream.pending_read != nullptr) stream.pending_read->filled = 0;
  }
  stream.wake();
}

void SessionState::remove(const StreamPtr& stream) noexcept {
  const StreamPtr keep = stream;  // the map's may be the one that we were given
  if (streams_.erase(keep->id) == 0) return;
  return_to_budget();
  if (keep->outbound && !keep->acknowledged) --unacknowledged_;
  window_growth_bytes_ -= keep->window_bytes - kInitialWindowBytes;
  if (!keep->outbound && !keep->has_handle) backlog_.remove(keep);
  if (remote_goes_away_ && streams_.empty() && !ended_) begin_close(GoAwayCode::kNormal, Error::kConnectionClosed);
}

void SessionState::remove_if_finished(const StreamPtr& stream) noexcept {
  // What is buffered counts against the session's bounds until it has been read.
  if (stream->fin_sent && stream->fin_received && stream->received.empty()) remove(stream);
}

void SessionState::let_go_of_buffers() noexcept {
  if (secured_->detach_buffers()) {
    for (const StreamPtr& stream : batch_in_flight_->streams()) {
      if (stream->request != nullptr) stream->request->detach();
    }
  } else if (!stall_timer_) {
    stall_timer_ = call_after<&SessionState::on_stalled_write>(config_.stalled_write_timeout);
  }
}

void SessionState::reset_by_us(const StreamPtr& stream) noexcept {
  if (stream->error) return discard_rest(stream);
  const bool both_closed = stream->fin_sent && stream->fin_received;
  end_stream(*stream, Error::kReset, true);
  if (stream->request != nullptr && stream->request->is_referred()) let_go_of_buffers();
  if (!stream->syn_pending && !both_closed) {
    queue_control({FrameType::kWindowUpdate, kFlagRst, stream->id, 0});
  }
  remove(stream);
}

void SessionState::reset_by_peer(const StreamPtr& stream) {
  frame_was_useful_ = stream->outbound;  // else it takes back what the peer has made us do
  // What came before a FIN is whole. rust-libp2p answers with a reset what still comes for a stream that it is done
  // with.
  const bool is_whole = stream->fin_received;
  end_stream(*stream, Error::kReset, !is_whole);
  if (!is_whole) return remove(stream);
  stream->fin_sent = true;  // nothing more is sent; it goes once all is read
  remove_if_finished(stream);
}

void SessionState::discard_rest(const StreamPtr& stream) noexcept {
  if (!stream->received.empty()) stream->fin_received = false;
  stream->received.clear();
  remove(stream);
}

void SessionState::release(const StreamPtr& stream) noexcept {
  if (stream->close_requested && stream->fin_received && !stream->error) {
    stream->received.clear();
    remove_if_finished(stream);  // else once the FIN is sent
    return;
  }
  reset_by_us(stream);
  stream->received.clear();
}

void SessionState::on_fin(const StreamPtr& stream) {
  if (stream->fin_received) return;
  frame_was_useful_ = true;
  stream->fin_received = true;
  stream->readable.notify_all();
  remove_if_finished(stream);
}

// Ending the session.

void SessionState::end_all_streams(base::Error error, bool discard) noexcept {
  for (auto& [id, stream] : streams_) end_stream(*stream, error, discard);
  streams_.clear();
  return_to_budget();
  backlog_.clear();
  control_list_.clear();
  unacknowledged_ = 0;
  window_growth_bytes_ = 0;
}

void SessionState::begin_close(GoAwayCode code, base::Error error) {
  if (ended_) return;
  ended_ = error;
  go_away_code_ = code;
  end_all_streams(error, code != GoAwayCode::kNormal);
  keep_alive_timer_.reset();
  ping_timer_.reset();
  close_timer_ = call_after<&SessionState::on_close_timeout>(config_.close_timeout);
  acceptable_.notify_all();
  work_.notify_all();
  output_drained_.notify_all();
}

void SessionState::abort(base::Error error, bool discard) noexcept {
  if (aborted_) return;
  aborted_ = true;
  if (!ended_) {
    ended_ = error;
    end_all_streams(error, discard);
  }
  if (secured_) secured_->reset();
  acceptable_.notify_all();
  work_.notify_all();
  output_drained_.notify_all();
}

void SessionState::on_go_away() {
  // Nobody opens streams any more; those that are open go on until the other side closes the connection.
  frame_was_useful_ = !remote_goes_away_;
  remote_goes_away_ = true;
  if (streams_.empty()) begin_close(GoAwayCode::kNormal, Error::kConnectionClosed);
}

void SessionState::on_close_timeout() { abort(Error::kTimeout, true); }

// Windows.

std::uint32_t SessionState::grow_window(StreamState& stream, std::uint32_t wanted) {
  const std::size_t stream_room = config_.receive_window_max_bytes - stream.window_bytes;
  const std::size_t session_room = config_.window_growth_bytes_max - window_growth_bytes_;
  const auto growth = static_cast<std::uint32_t>(std::min({std::size_t{wanted}, stream_room, session_room}));
  stream.window_bytes += growth;
  window_growth_bytes_ += growth;
  return growth;
}

void SessionState::on_consumed(const StreamPtr& stream, std::size_t count) {
  if (stream->fin_received) return remove_if_finished(stream);
  if (stream->error) return;
  stream->consumed_bytes += static_cast<std::uint32_t>(count);
  if (stream->consumed_bytes < stream->window_bytes / 2) return;
  const base::TimePoint now = clock_.now();
  std::uint32_t credit = stream->consumed_bytes;
  if (now - stream->credited_at < kGrowthRoundTrips * round_trip_) credit += grow_window(*stream, stream->window_bytes);
  stream->credited_at = now;
  stream->consumed_bytes = 0;
  stream->credit_pending += credit;
  add_to_control_list(stream);
}

base::Result<> SessionState::on_credit(const StreamPtr& stream, std::uint32_t bytes) {
  const std::uint64_t window = stream->send_window + bytes;
  if (window > std::numeric_limits<std::uint32_t>::max()) return Error::kProtocolViolation;
  if (bytes > 0 && window >= kUsefulWindowBytes) frame_was_useful_ = true;
  stream->send_window = window;
  want_to_send(stream);
  return base::Result<>();
}

void SessionState::bound_received() {
  while (meter_.is_over(config_.received_bytes_max, config_.received_bytes_max_all)) {
    const auto largest = std::max_element(streams_.begin(), streams_.end(), [](const auto& a, const auto& b) {
      return a.second->received.size() < b.second->received.size();
    });
    // The rest is of streams that have ended, and is for whoever holds them.
    if (largest == streams_.end() || largest->second->received.empty()) return;
    reset_by_us(StreamPtr(largest->second));
  }
}

base::Result<> SessionState::on_frame_ended() {
  if (frame_was_useful_ || useless_frames_.take(clock_.now())) return base::Result<>();
  return Error::kProtocolViolation;
}

// What there is to send.

void SessionState::add_to_control_list(const StreamPtr& stream) {
  if (!stream->in_control_list) {
    stream->in_control_list = true;
    control_list_.push_back(stream);
  }
  work_.notify_all();
}

void SessionState::queue_control(const FrameHeader& frame) {
  control_queue_.push_back(frame);
  work_.notify_all();
}

void SessionState::want_to_send(const StreamPtr& stream) {
  if (stream->in_data_list || !stream->has_data_to_send()) return;
  stream->in_data_list = true;
  data_list_.push_back(stream);
  work_.notify_all();
}

void SessionState::emit_window_update(SendBatch& batch, StreamState& stream) {
  std::uint16_t flags = 0;
  if (std::exchange(stream.syn_pending, false)) flags |= kFlagSyn;
  if (std::exchange(stream.ack_pending, false)) flags |= kFlagAck;
  const std::uint32_t credit = std::exchange(stream.credit_pending, 0);
  stream.receive_window += credit;
  if (flags != 0 || credit != 0) batch.add_header({FrameType::kWindowUpdate, flags, stream.id, credit});
}

void SessionState::emit_fin(SendBatch& batch, const StreamPtr& stream) {
  batch.add_header({FrameType::kData, kFlagFin, stream->id, 0});
  stream->fin_sent = true;
  remove_if_finished(stream);
}

void SessionState::fill(SendBatch& batch) {
  const bool was_full = output_is_full();
  fill_control(batch);
  if (control_queue_.empty() && control_list_.empty()) fill_data(batch);
  if (was_full && !output_is_full()) output_drained_.notify_all();
}

void SessionState::fill_control(SendBatch& batch) {
  while (!control_queue_.empty() && batch.has_room()) {
    batch.add_header(control_queue_.front());
    control_queue_.pop_front();
  }
  // Before any data: a stream's first frame is the one with SYN.
  while (!control_list_.empty() && batch.has_room()) {
    const StreamPtr stream = std::move(control_list_.front());
    control_list_.pop_front();
    stream->in_control_list = false;
    if (!stream->error) emit_window_update(batch, *stream);
  }
}

void SessionState::fill_data(SendBatch& batch) {
  while (!data_list_.empty() && batch.has_room()) {
    const StreamPtr stream = std::move(data_list_.front());
    data_list_.pop_front();
    stream->in_data_list = false;
    if (!stream->has_data_to_send()) continue;
    if (stream->request == nullptr) {
      const bool was_reset = stream->error == make_error_code(Error::kReset);
      if (!was_reset && !stream->syn_pending) emit_fin(batch, stream);
      continue;
    }
    const std::size_t most = std::min<std::uint64_t>(stream->send_window, config_.data_frame_bytes_max);
    stream->send_window -= batch.add_data(stream, most);
    want_to_send(stream);  // again, after the others
  }
}

void SessionState::on_batch_ended(const SendBatch& batch, bool written) {
  batch_in_flight_ = nullptr;
  stall_timer_.reset();
  for (const StreamPtr& stream : batch.streams()) {
    if (stream->request == nullptr) continue;
    stream->request->end_flight(written);
    if (stream->request->is_done() || stream->error) stream->writable.notify_all();
  }
}

void SessionState::on_stalled_write() { abort(Error::kTimeout, true); }

// Pings.

template <void (SessionState::*method)()>
std::unique_ptr<base::Timer> SessionState::call_after(base::Duration time) {
  return clock_.call_at(clock_.now() + time, [weak = weak_from_this()] {
    if (auto self = weak.lock()) (self.get()->*method)();
  });
}

void SessionState::arm_keep_alive() {
  keep_alive_timer_ = call_after<&SessionState::on_keep_alive>(config_.keep_alive);
}

void SessionState::on_keep_alive() {
  if (!ping_outstanding_) send_ping();
  arm_keep_alive();
}

void SessionState::send_ping() {
  ping_outstanding_ = true;
  heard_ = false;
  ping_sent_at_ = clock_.now();
  queue_control({FrameType::kPing, kFlagSyn, 0, ++ping_value_});
  arm_ping_timeout();
}

void SessionState::arm_ping_timeout() {
  ping_timer_ = call_after<&SessionState::on_ping_timeout>(config_.ping_timeout);
}

void SessionState::on_ping_timeout() {
  // The answer may wait behind much data on a slow line; whoever sends that is alive.
  if (!std::exchange(heard_, false)) return abort(Error::kTimeout, false);
  arm_ping_timeout();
}

base::Result<> SessionState::on_ping(const FrameHeader& header) {
  frame_was_useful_ = true;  // it has a bound of its own
  if (header.has(kFlagAck)) {
    if (!ping_outstanding_ || header.length != ping_value_) return Error::kProtocolViolation;
    ping_outstanding_ = false;
    ping_timer_.reset();
    round_trip_ = clock_.now() - ping_sent_at_;
    return base::Result<>();
  }
  const base::TimePoint now = clock_.now();
  if (now - ping_second_began_ >= std::chrono::seconds(1)) {
    ping_second_began_ = now;
    pings_this_second_ = 0;
  }
  if (++pings_this_second_ > config_.pings_per_second_max) return Error::kProtocolViolation;
  queue_control({FrameType::kPing, kFlagAck, 0, header.length});
  return base::Result<>();
}

}  // namespace libp2p::yamux
