#include "libp2p/transports/tcp/tcp_stream.h"

#include "libp2p/core/error.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>

namespace libp2p {

namespace asio = boost::asio;

namespace {

/// Buffers handed to one writev; Asio takes no more.
constexpr std::size_t kIovecsMax = 64;

/// What can be read or written at once is, without a turn through the event loop, which costs more than copying 16 KiB;
/// after this many bytes others run.
constexpr std::size_t kBytesBetweenYields = 256 * 1024;
/// The same once it has moved: nobody there waits for a short answer.
constexpr std::size_t kBytesBetweenYieldsMoved = 2 * 1024 * 1024;

constexpr std::size_t kSmallReadBytes = 16 * 1024;

base::Error translate(const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor ||
      error == asio::error::connection_reset || error == asio::error::connection_aborted ||
      error == asio::error::broken_pipe) {
    return Error::kReset;
  }
  return error;
}

/// A position in a list of buffers.
struct Cursor {
  std::span<const base::ConstBytes> rest;
  std::size_t offset = 0;  // into rest.front()

  void skip(std::size_t count) {
    offset += count;
    while (!rest.empty() && offset >= rest.front().size()) {
      offset -= rest.front().size();
      rest = rest.subspan(1);
    }
  }
};

using Iovecs = std::array<asio::const_buffer, kIovecsMax>;

/// Fills `iovecs` with what comes next; the rest of them become empty buffers. Returns how many hold something.
std::size_t gather(const Cursor& from, Iovecs& iovecs) {
  const std::size_t count = std::min(from.rest.size(), kIovecsMax);
  for (std::size_t i = 0; i < count; ++i) {
    const base::ConstBytes bytes = i == 0 ? from.rest[0].subspan(from.offset) : from.rest[i];
    iovecs[i] = asio::const_buffer(bytes.data(), bytes.size());
  }
  return count;
}

}  // namespace

struct TcpStream::State {
  explicit State(asio::ip::tcp::socket connected) : socket(std::move(connected)) {
    boost::system::error_code ignored;  // a socket that is broken already fails at its first use
    socket.non_blocking(true, ignored);
  }

  /// A small read that left room has taken all that there was; asking again at once costs a system call. After a large
  /// one more may have come meanwhile.
  void note_read(std::size_t count, std::size_t room) { seems_drained = count < room && count < kSmallReadBytes; }

  asio::ip::tcp::socket socket;
  bool seems_drained = false;
  Iovecs iovecs;
  boost::system::error_code read_error;  // met by read_available(), told by the next read_some()
  std::size_t bytes_between_yields = kBytesBetweenYields;
  std::size_t unyielded_read_bytes = 0;
  std::size_t unyielded_written_bytes = 0;
  bool write_closed = false;
};

TcpStream::TcpStream(asio::ip::tcp::socket socket) : state_(std::make_shared<State>(std::move(socket))) {}

TcpStream::~TcpStream() {
  // Where our direction is closed, what was written still has to arrive: the layer above may have come to an end of its
  // own (TLS's close_notify) before the socket's was read. The kernel itself answers what comes later with a reset.
  if (!state_->write_closed) reset();
  boost::system::error_code ignored;
  state_->socket.close(ignored);
}

base::Task<base::Result<std::size_t>> TcpStream::read_some(base::MutableBytes into) {
  auto state = state_;
  boost::system::error_code error = std::exchange(state->read_error, {});
  if (error) co_return translate(error);
  const auto buffer = asio::buffer(into.data(), into.size());
  std::size_t count = 0;
  bool must_wait = state->seems_drained || state->unyielded_read_bytes >= state->bytes_between_yields;
  if (!must_wait) {
    count = state->socket.read_some(buffer, error);
    must_wait = error == asio::error::would_block;
    state->unyielded_read_bytes += count;
  }
  if (must_wait) {
    state->unyielded_read_bytes = 0;
    count = co_await state->socket.async_read_some(buffer, asio::redirect_error(asio::use_awaitable, error));
  }
  state->note_read(count, into.size());
  if (error == asio::error::eof) co_return 0u;
  if (error) co_return translate(error);
  co_return count;
}

std::size_t TcpStream::read_available(base::MutableBytes into) {
  boost::system::error_code error;
  const std::size_t count = state_->socket.read_some(asio::buffer(into.data(), into.size()), error);
  // The kernel tells an error once, and end of stream again and again.
  if (error && error != asio::error::would_block && error != asio::error::eof) state_->read_error = error;
  state_->note_read(count, into.size());
  return count;
}

base::Task<> TcpStream::wait_readable() {
  auto state = state_;
  if (state->read_error) co_return;
  state->unyielded_read_bytes = 0;
  boost::system::error_code ignored;  // the next read_some() tells
  co_await state->socket.async_wait(asio::ip::tcp::socket::wait_read,
                                    asio::redirect_error(asio::use_awaitable, ignored));
}

base::Task<base::Result<>> TcpStream::write(base::ConstBytes bytes) {
  const std::array<base::ConstBytes, 1> buffers{bytes};
  auto written = co_await write_gather(buffers);
  co_return written;
}

base::Task<base::Result<>> TcpStream::write_gather(std::span<const base::ConstBytes> buffers) {
  auto state = state_;
  if (state->write_closed) co_return Error::kConnectionClosed;
  Cursor cursor{buffers};
  cursor.skip(0);
  while (!cursor.rest.empty()) {
    const std::span<const asio::const_buffer> iovecs(state->iovecs.data(), gather(cursor, state->iovecs));
    boost::system::error_code error;
    std::size_t count = 0;
    bool must_wait = state->unyielded_written_bytes >= state->bytes_between_yields;
    if (!must_wait) {
      count = state->socket.write_some(iovecs, error);
      must_wait = error == asio::error::would_block;
      state->unyielded_written_bytes += count;
    }
    if (must_wait) {
      state->unyielded_written_bytes = 0;
      count = co_await state->socket.async_write_some(iovecs, asio::redirect_error(asio::use_awaitable, error));
    }
    if (error) co_return translate(error);
    cursor.skip(count);
  }
  co_return base::Result<>();
}

base::Task<base::Result<>> TcpStream::close_write() {
  if (state_->write_closed) co_return base::Result<>();
  state_->write_closed = true;
  boost::system::error_code error;
  state_->socket.shutdown(asio::ip::tcp::socket::shutdown_send, error);
  // The other side may have reset the connection before we came to close it.
  if (error == asio::error::not_connected) co_return Error::kReset;
  if (error) co_return translate(error);
  co_return base::Result<>();
}

bool TcpStream::move_to(const base::Executor& executor) {
  asio::ip::tcp::socket& socket = state_->socket;
  boost::system::error_code error;
  const auto protocol = socket.local_endpoint(error).protocol();
  if (error) return false;
  // Leaves the reactor of one event loop and joins that of the other.
  const auto descriptor = socket.release(error);
  if (error) return false;
  asio::ip::tcp::socket moved(executor);
  moved.assign(protocol, descriptor, error);
  if (error) {
    // Joining the old one again cannot want for what it has just given up.
    socket.assign(protocol, descriptor, error);
    return false;
  }
  moved.non_blocking(true, error);
  socket = std::move(moved);
  state_->bytes_between_yields = kBytesBetweenYieldsMoved;
  return true;
}

void TcpStream::reset() noexcept {
  boost::system::error_code ignored;
  state_->socket.set_option(asio::socket_base::linger(true, 0), ignored);
  state_->socket.close(ignored);
}

}  // namespace libp2p
