#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/session_state.h"

#include <algorithm>
#include <cstring>

namespace libp2p::yamux {

namespace {

/// What one read from the secured stream may return. Noise decrypts a message of up to 64 KiB at once.
constexpr std::size_t kInputBytes = 128 * 1024;
/// What is read while payload goes straight to where it belongs: a header, and little of the payload that follows.
constexpr std::size_t kInputBytesDirect = 4 * 1024;
/// A data frame may be as long as the window: others run after this many bytes.
constexpr std::size_t kBytesBetweenYields = 1024 * 1024;

/// Reads from the secured stream ahead of what was asked for, and keeps the rest.
class Input {
 public:
  explicit Input(SessionState& session)
      : session_(session), buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kInputBytes)) {}

  std::size_t size() const { return end_ - begin_; }
  base::ConstBytes front(std::size_t count) const { return {buffer_.get() + begin_, count}; }
  void skip(std::size_t count) { begin_ += count; }

  /// Reads more. Error::kConnectionClosed at the end of the connection.
  base::Task<base::Result<>> fill() {
    std::memmove(buffer_.get(), buffer_.get() + begin_, size());  // a partial header at most
    end_ -= begin_;
    begin_ = 0;
    const base::MutableBytes room(buffer_.get() + end_, limit_ - end_);
    auto count = co_await session_.secured().read_some(room);
    if (!count) co_return count.error();
    if (*count == 0) co_return Error::kConnectionClosed;
    session_.on_heard();
    end_ += *count;
    co_return base::Result<>();
  }

  /// Whether payload is being read past this buffer.
  void set_direct(bool direct) { limit_ = direct ? kInputBytesDirect : kInputBytes; }

 private:
  SessionState& session_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t limit_ = kInputBytes;
};

/// Copies what the input holds of a payload to its stream; drops it if the stream has ended.
void take_buffered(Input& input, StreamState* stream, std::size_t& remaining) {
  while (remaining > 0 && input.size() > 0) {
    std::size_t count = std::min(remaining, input.size());
    if (stream != nullptr && !stream->error) {
      const base::MutableBytes room = stream->receive_room(count);
      count = room.size();
      std::memcpy(room.data(), input.front(count).data(), count);
      stream->commit_received(count);
    }
    input.skip(count);
    remaining -= count;
  }
}

/// Reads what has come in already straight to where the stream keeps it.
void take_available(SessionState& session, StreamState& stream, std::size_t& remaining) {
  std::size_t budget = kBytesBetweenYields;
  while (remaining > 0 && budget > 0 && !stream.error) {
    const base::MutableBytes room = stream.receive_room(std::min(remaining, budget));
    const std::size_t count = session.secured().read_available(room);
    if (count == 0) return;
    stream.commit_received(count);
    remaining -= count;
    budget -= count;
  }
}

/// Reads the payload of a data frame; `stream` is null if it is dropped.
base::Task<base::Result<>> read_payload(SessionState& session, Input& input, StreamPtr stream, std::size_t remaining) {
  bool direct = false;
  take_buffered(input, stream.get(), remaining);
  while (remaining > 0) {
    if (stream) {
      const std::size_t before = remaining;
      take_available(session, *stream, remaining);
      if (remaining == 0) direct = true;
      if (remaining < before) {
        if (remaining > 0) co_await base::yield_now();
        continue;
      }
    }
    auto filled = co_await input.fill();
    if (!filled) co_return filled;
    if (session.ended()) co_return base::Result<>();
    take_buffered(input, stream.get(), remaining);
  }
  input.set_direct(direct);
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
    auto filled = co_await input.fill();
    if (!filled) co_return filled;
    if (session.ended()) co_return base::Result<>();
  }
  auto header = decode_frame_header(input.front(kFrameHeaderBytes).first<kFrameHeaderBytes>());
  if (!header) co_return header.error();
  input.skip(kFrameHeaderBytes);
  switch (header->type) {
    case FrameType::kData:
      co_return co_await on_data(session, input, *header);
    case FrameType::kWindowUpdate:
      co_return on_window_update(session, *header);
    case FrameType::kPing:
      co_return session.on_ping(*header);
    case FrameType::kGoAway:
      session.on_go_away();
      break;
  }
  co_return base::Result<>();
}

}  // namespace

base::Task<> run_reader(std::shared_ptr<SessionState> session) {
  Input input(*session);
  bool at_end = false;
  while (!session->ended()) {
    // A peer that provokes answers and reads none gets no more of our memory.
    while (session->control_is_full() && !session->ended()) co_await session->wait_for_control_room();
    if (session->ended()) break;
    auto read = co_await read_frame(*session, input);
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
  while (!at_end && !session->is_aborted()) {
    input.skip(input.size());
    auto more = co_await input.fill();
    at_end = !more;
  }
  session->on_loop_ended();
}

}  // namespace libp2p::yamux
