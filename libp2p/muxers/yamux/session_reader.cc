#include "libp2p/core/buffer_pool.h"
#include "libp2p/core/error.h"
#include "libp2p/core/turn.h"
#include "libp2p/muxers/yamux/session_state.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace libp2p::yamux {

namespace {

/// What one read from the secured stream may return. Noise decrypts a message of up to 64 KiB at once.
constexpr std::size_t kInputBytes = 128 * 1024;
static_assert(kInputBytes <= PooledBuffer::kBytes);
/// After a payload of at least this size was read straight to where it belongs, only the next header is read, so that
/// the payload after it goes straight too.
constexpr std::size_t kDirectPayloadBytesMin = 16 * 1024;
/// What has come in already is read without waiting; others run after this many bytes or frames.
constexpr std::size_t kBytesBetweenYields = 512 * 1024;
constexpr std::size_t kFramesBetweenYields = 256;
/// A frame that opens a stream counts as so many: a coroutine, a negotiation and answers follow from it.
constexpr std::size_t kFramesOfNewStream = 16;

/// Reads from the secured stream ahead of what was asked for, and keeps the rest. Holds no buffer while it waits.
class Input {
 public:
  explicit Input(SessionState& session) : session_(session) {}

  std::size_t size() const { return end_ - begin_; }
  base::ConstBytes front(std::size_t count) const { return {buffer_.data() + begin_, count}; }
  void skip(std::size_t count) { begin_ += count; }

  /// Reads what has come in already, if it is not time to let others run; false if nothing was read.
  bool fill_available() {
    if (turn_.is_over()) return false;
    const std::size_t count = session_.secured().read_available(make_room());
    end_ += count;
    turn_.count_bytes(count);
    return count > 0;
  }

  /// Waits for more, and lets others run. Error::kConnectionClosed at the end of the connection.
  base::Task<base::Result<>> fill() {
    if (turn_.is_over()) {
      co_await let_others_run();
      if (fill_available()) {
        session_.on_heard();
        co_return base::Result<>();
      }
    }
    release_buffer();
    co_await session_.secured().wait_readable();
    const base::MutableBytes room = make_room();
    auto count = co_await session_.secured().read_some(room);
    if (!count) co_return count.error();
    if (*count == 0) co_return Error::kConnectionClosed;
    session_.on_heard();
    end_ += *count;
    turn_.count_bytes(*count);
    co_return base::Result<>();
  }

  /// Waits until there is something to read past this buffer, or lets others run if it is their turn.
  base::Task<> wait() {
    if (turn_.is_over()) {
      co_await let_others_run();
      co_return;
    }
    release_buffer();
    co_await session_.secured().wait_readable();
  }

  /// Reads payload that has come in already past this buffer, straight to where the stream keeps it.
  std::size_t read_past(base::MutableBytes into) {
    if (turn_.is_over()) return 0;
    const std::size_t count = session_.secured().read_available(into);
    turn_.count_bytes(count);
    if (count > 0) session_.on_heard();
    return count;
  }

  /// A reader's buffer is full: it should run, and bring the next one, before more is read.
  void yield_soon() { turn_.end(); }

  void count_frame(const FrameHeader& header) { turn_.count_items(header.has(kFlagSyn) ? kFramesOfNewStream : 1); }
  bool is_turn_over_by_frames() const { return turn_.is_over_by_items(); }
  /// Whatever is of no use to us is done when others have nothing to do.
  base::Task<> let_others_run() { return turn_.let_others_run(session_.ended() || session_.holds_much_unread()); }

  /// Whether to read only the next header, or all that comes.
  void set_header_only(bool header_only) { limit_ = header_only ? kFrameHeaderBytes : kInputBytes; }

 private:
  base::MutableBytes make_room() {
    if (buffer_) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, size());  // a partial header at most
    } else {
      buffer_ = PooledBuffer::take();
      std::copy_n(partial_header_.begin(), size(), buffer_.data());
    }
    end_ -= begin_;
    begin_ = 0;
    return {buffer_.data() + end_, limit_ - end_};
  }

  /// REQUIRES: there is a partial header at most.
  void release_buffer() {
    if (!buffer_) return;
    assert(size() < partial_header_.size());
    std::copy_n(buffer_.data() + begin_, size(), partial_header_.begin());
    buffer_.release();
  }

  SessionState& session_;
  PooledBuffer buffer_;
  std::array<std::uint8_t, kFrameHeaderBytes> partial_header_;  // while there is no buffer
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t limit_ = kInputBytes;
  Turn turn_{kBytesBetweenYields, kFramesBetweenYields};
};

/// Copies what the input holds of a payload to its stream; drops it if the stream has ended.
void take_buffered(SessionState& session, Input& input, StreamState* stream, std::size_t& remaining) {
  while (remaining > 0 && input.size() > 0) {
    std::size_t count = std::min(remaining, input.size());
    if (stream != nullptr && !stream->error) {
      const base::MutableBytes room = stream->receive_room(count);
      count = room.size();
      std::memcpy(room.data(), input.front(count).data(), count);
      if (stream->commit_received(count)) input.yield_soon();
      session.bound_received();
    }
    input.skip(count);
    remaining -= count;
  }
}

/// Reads what has come in already straight to where the stream keeps it.
void take_available(SessionState& session, Input& input, StreamState& stream, std::size_t& remaining) {
  while (remaining > 0 && !stream.error) {
    const std::size_t count = input.read_past(stream.receive_room(remaining));
    if (count == 0) return;
    if (stream.commit_received(count)) input.yield_soon();
    session.bound_received();
    remaining -= count;
  }
}

/// Reads the payload of a data frame; `stream` is null if it is dropped.
base::Task<base::Result<>> read_payload(SessionState& session, Input& input, StreamPtr stream, std::size_t remaining) {
  const bool is_large = remaining >= kDirectPayloadBytesMin;
  take_buffered(session, input, stream.get(), remaining);
  input.set_header_only(false);
  bool direct = false;
  bool has_waited = false;
  while (remaining > 0) {
    const std::size_t before = remaining;
    if (stream) take_available(session, input, *stream, remaining);
    direct = remaining == 0;
    if (direct) break;
    // Once more past the buffer; if nothing comes that way, what there is may be the end or an error, which fill()
    // sees.
    has_waited = has_waited && remaining == before;
    if (stream && !stream->error && !has_waited) {
      has_waited = true;
      co_await input.wait();
      if (session.ended()) co_return base::Result<>();
      continue;
    }
    has_waited = false;
    auto filled = co_await input.fill();
    if (!filled) co_return filled;
    if (session.ended()) co_return base::Result<>();
    take_buffered(session, input, stream.get(), remaining);
  }
  input.set_header_only(direct && is_large);
  co_return base::Result<>();
}

base::Task<base::Result<>> on_data(SessionState& session, Input& input, FrameHeader header) {
  auto found = session.stream_of(header);
  if (!found) co_return found.error();
  StreamPtr stream = std::move(*found);
  if (stream) {
    if (header.length > stream->receive_window) co_return Error::kProtocolViolation;
    if (header.length > 0 && stream->fin_received) co_return Error::kProtocolViolation;
    stream->receive_window -= header.length;
    if (header.length > 0) session.on_payload();
    if (header.has(kFlagRst)) {
      session.reset_by_peer(stream);
      stream = nullptr;
    }
  } else if (header.length > session.config().receive_window_max_bytes) {
    co_return Error::kProtocolViolation;  // more than any stream was ever granted
  }
  auto read = co_await read_payload(session, input, stream, header.length);
  if (!read) co_return read;
  if (stream && header.has(kFlagFin) && !stream->error) session.on_fin(stream);
  co_return base::Result<>();
}

base::Result<> on_window_update(SessionState& session, const FrameHeader& header) {
  auto found = session.stream_of(header);
  if (!found) return found.error();
  const StreamPtr stream = std::move(*found);
  if (!stream) return base::Result<>();
  if (header.has(kFlagRst)) {
    session.reset_by_peer(stream);  // the length may be an error code; it is no credit
    return base::Result<>();
  }
  auto credited = session.on_credit(stream, header.length);
  if (!credited) return credited;
  if (header.has(kFlagFin)) session.on_fin(stream);
  return base::Result<>();
}

/// Reads one frame and obeys it.
base::Task<base::Result<>> read_frame(SessionState& session, Input& input) {
  while (input.size() < kFrameHeaderBytes) {
    if (input.fill_available()) continue;
    auto filled = co_await input.fill();
    if (!filled) co_return filled;
    if (session.ended()) co_return base::Result<>();
  }
  auto header = decode_frame_header(input.front(kFrameHeaderBytes).first<kFrameHeaderBytes>());
  if (!header) co_return header.error();
  input.skip(kFrameHeaderBytes);
  input.count_frame(*header);
  session.on_frame_begun();
  base::Result<> obeyed;
  switch (header->type) {
    case FrameType::kData:
      obeyed = co_await on_data(session, input, *header);
      break;
    case FrameType::kWindowUpdate:
      obeyed = on_window_update(session, *header);
      break;
    case FrameType::kPing:
      obeyed = session.on_ping(*header);
      break;
    case FrameType::kGoAway:
      session.on_go_away();
      break;
  }
  if (!obeyed) co_return obeyed;
  co_return session.on_frame_ended();
}

}  // namespace

base::Task<> run_reader(std::shared_ptr<SessionState> session) {
  Input input(*session);
  bool at_end = false;
  while (!session->ended()) {
    // A peer that provokes answers and reads none gets no more of our memory.
    while (session->output_is_full() && !session->ended()) co_await session->wait_for_output_room();
    if (session->ended()) break;
    auto read = co_await read_frame(*session, input);
    if (read && input.is_turn_over_by_frames()) co_await input.let_others_run();
    if (read || session->ended()) continue;
    if (read.error() == Error::kProtocolViolation) {
      session->begin_close(GoAwayCode::kProtocolError, read.error());
    } else if (read.error() == Error::kConnectionClosed) {
      at_end = true;
      session->begin_close(GoAwayCode::kNormal, read.error());
    } else {
      session->abort(Error::kConnectionClosed, false);
    }
  }
  // What the other side still sends is read, so that the goodbye is not lost to a TCP reset; close_timeout bounds it.
  input.set_header_only(false);
  while (!at_end && !session->is_aborted()) {
    input.skip(input.size());
    auto more = co_await input.fill();
    at_end = !more;
  }
  session->on_loop_ended();
}

}  // namespace libp2p::yamux
