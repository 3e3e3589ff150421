// What the tests of yamux share: running coroutines, and a peer that speaks frame by frame.
#pragma once

#include "base/clock.h"
#include "libp2p/core/muxer.h"
#include "libp2p/muxers/yamux/yamux_frame.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace libp2p::yamux {

template <class T>
base::Task<> store_result(base::Task<T> task, std::shared_ptr<std::optional<T>> into) {
  into->emplace(co_await std::move(task));
}

/// Runs coroutines on an io_context of its own, with a clock that stands still.
class CoroutineTest : public ::testing::Test {
 protected:
  template <class T>
  using Started = std::shared_ptr<std::optional<T>>;

  /// Starts `task`; what it returns is in the optional once it has ended.
  template <class T>
  Started<T> start(base::Task<T> task) {
    auto result = std::make_shared<std::optional<T>>();
    base::spawn(io_.get_executor(), store_result(std::move(task), result));
    return result;
  }

  /// Runs `task` to its end.
  template <class T>
  T run(base::Task<T> task) {
    return finish(start(std::move(task)));
  }

  template <class T>
  T finish(Started<T> started) {
    run_until([&] { return started->has_value(); });
    if (!started->has_value()) throw std::logic_error("a coroutine waits for something that nobody does");
    return std::move(**started);
  }

  void run_until(const std::function<bool()>& done) {
    while (!done()) {
      io_.restart();
      // Signals are timers that never expire, so run_one() would wait for ever.
      if (io_.poll_one() == 0) break;
    }
  }

  /// Runs whatever can run now.
  void poll() {
    io_.restart();
    io_.poll();
  }

  boost::asio::io_context io_;
  base::ManualClock clock_;
};

struct Frame {
  FrameHeader header;
  base::Bytes payload;
};

/// Bytes that differ by seed and place.
inline base::Bytes pattern(std::size_t count, std::uint32_t seed = 0) {
  base::Bytes bytes(count);
  std::uint32_t x = seed * 2654435761u + 12345;
  for (auto& byte : bytes) {
    x = x * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(x >> 24);
  }
  return bytes;
}

inline base::Bytes to_wire(const FrameHeader& header, base::ConstBytes payload = {}) {
  base::Bytes bytes(kFrameHeaderBytes);
  encode_frame_header(header, std::span<std::uint8_t, kFrameHeaderBytes>(bytes.data(), kFrameHeaderBytes));
  base::append(bytes, payload);
  return bytes;
}

inline base::Task<base::Result<Frame>> read_frame(Stream& stream) {
  std::array<std::uint8_t, kFrameHeaderBytes> bytes;
  auto read = co_await read_exact(stream, bytes);
  if (!read) co_return read.error();
  Frame frame;
  auto header = decode_frame_header(bytes);
  if (!header) co_return header.error();
  frame.header = *header;
  if (header->type == FrameType::kData) {
    frame.payload.resize(header->length);
    read = co_await read_exact(stream, frame.payload);
    if (!read) co_return read.error();
  }
  co_return frame;
}

inline base::Task<base::Result<base::Bytes>> read_to_end(Stream& stream) {
  base::Bytes all;
  base::Bytes chunk(50'000);
  for (;;) {
    auto count = co_await stream.read_some(chunk);
    if (!count) co_return count.error();
    if (*count == 0) co_return all;
    all.insert(all.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}

inline base::Task<base::Result<base::Bytes>> read_bytes(Stream& stream, std::size_t count) {
  base::Bytes bytes(count);
  auto read = co_await read_exact(stream, bytes);
  if (!read) co_return read.error();
  co_return bytes;
}

inline base::Task<base::Result<>> write_and_close(Stream& stream, base::ConstBytes bytes) {
  auto written = co_await stream.write(bytes);
  if (!written) co_return written;
  co_return co_await stream.close_write();
}

/// Sends back what comes, as it comes, and closes when the other side does.
inline base::Task<base::Result<>> echo(std::unique_ptr<Stream> stream) {
  base::Bytes chunk(20'000);
  for (;;) {
    auto count = co_await stream->read_some(chunk);
    if (!count) co_return count.error();
    if (*count == 0) break;
    auto written = co_await stream->write(base::ConstBytes(chunk).first(*count));
    if (!written) co_return written;
  }
  co_return co_await stream->close_write();
}

inline base::Task<> discard_result(base::Task<base::Result<>> task) { (void)co_await std::move(task); }

/// Echoes every stream that comes, until the session ends.
inline base::Task<base::Error> serve_echo(std::shared_ptr<MuxedConnection> session, base::Executor executor) {
  for (;;) {
    auto stream = co_await session->accept_stream();
    if (!stream) co_return stream.error();
    base::spawn(executor, discard_result(echo(std::move(*stream))));
  }
}

}  // namespace libp2p::yamux
