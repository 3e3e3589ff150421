#include "libp2p/muxers/yamux/yamux_stream.h"

#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/session_state.h"

#include <array>
#include <cassert>

namespace libp2p::yamux {

namespace {

/// Takes a pointer back when its coroutine ends, however it ends.
template <class T>
class Registration {
 public:
  /// REQUIRES: no other operation of the kind is under way.
  Registration(T*& slot, T* what) : slot_(slot) {
    assert(slot_ == nullptr);
    slot_ = what;
  }
  ~Registration() { slot_ = nullptr; }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  T*& slot_;
};

/// Takes what is there, and gives credit for it.
std::size_t take(SessionState& session, const StreamPtr& stream, base::MutableBytes into) {
  const std::size_t count = stream->received.read(into);
  if (count > 0) session.on_consumed(stream, count);
  return count;
}

base::Task<base::Result<std::size_t>> read_from(std::shared_ptr<SessionState> session, StreamPtr stream,
                                                base::MutableBytes into) {
  if (const std::size_t count = take(*session, stream, into)) co_return count;
  if (stream->fin_received) co_return 0u;
  if (stream->error) co_return *stream->error;
  PendingRead pending{into};
  {
    Registration registration(stream->pending_read, &pending);
    while (pending.filled == 0 && !stream->fin_received && !stream->error) co_await stream->readable.wait();
  }
  if (pending.filled > 0) {
    session->on_consumed(stream, pending.filled);
    co_return pending.filled;
  }
  if (stream->fin_received) co_return 0u;
  co_return *stream->error;
}

base::Task<base::Result<>> write_to(std::shared_ptr<SessionState> session, StreamPtr stream,
                                    std::span<const base::ConstBytes> buffers) {
  if (stream->error) co_return *stream->error;
  if (stream->close_requested) co_return Error::kConnectionClosed;
  SendRequest request(buffers);
  Registration registration(stream->request, &request);
  session->want_to_send(stream);
  while (!request.is_done() && !(stream->error && !request.is_referred())) co_await stream->writable.wait();
  if (request.is_done() && !request.is_lost()) co_return base::Result<>();
  co_return *stream->error;
}

}  // namespace

YamuxStream::YamuxStream(std::shared_ptr<SessionState> session, StreamPtr state)
    : session_(std::move(session)), state_(std::move(state)) {}

YamuxStream::~YamuxStream() { session_->release(state_); }

base::Task<base::Result<std::size_t>> YamuxStream::read_some(base::MutableBytes into) {
  return read_from(session_, state_, into);
}

std::size_t YamuxStream::read_available(base::MutableBytes into) { return take(*session_, state_, into); }

base::Task<base::Result<>> YamuxStream::write(base::ConstBytes bytes) {
  auto session = session_;
  auto stream = state_;
  const std::array<base::ConstBytes, 1> buffers{bytes};
  co_return co_await write_to(session, stream, buffers);
}

base::Task<base::Result<>> YamuxStream::write_gather(std::span<const base::ConstBytes> buffers) {
  return write_to(session_, state_, buffers);
}

base::Task<base::Result<>> YamuxStream::close_write() {
  if (state_->close_requested) co_return base::Result<>();
  if (state_->error) co_return *state_->error;
  state_->close_requested = true;
  session_->want_to_send(state_);
  co_return base::Result<>();
}

void YamuxStream::reset() noexcept { session_->reset_by_us(state_); }

}  // namespace libp2p::yamux
