#include "libp2p/protocols/perf/perf.h"

#include "libp2p/core/error.h"
#include "libp2p/core/idle_deadline.h"

#include <algorithm>
#include <array>

namespace libp2p {

namespace {

constexpr std::size_t kLengthBytes = 8;

std::uint64_t load_be64(const std::uint8_t* at) {
  return static_cast<std::uint64_t>(base::load_be32(at)) << 32 | base::load_be32(at + 4);
}

void store_be64(std::uint8_t* at, std::uint64_t value) {
  base::store_be32(at, static_cast<std::uint32_t>(value >> 32));
  base::store_be32(at + 4, static_cast<std::uint32_t>(value));
}

/// Sends `count` bytes, whatever the chunk holds, and closes our direction.
base::Task<base::Result<>> send_bytes(Stream& stream, std::uint64_t count, base::ConstBytes chunk,
                                      IdleDeadline& deadline) {
  while (count > 0) {
    const auto part = chunk.first(static_cast<std::size_t>(std::min<std::uint64_t>(count, chunk.size())));
    auto written = co_await stream.write(part);
    if (!written) co_return written;
    count -= part.size();
    deadline.progress();
  }
  auto closed = co_await stream.close_write();
  co_return closed;
}

/// Reads to the end and returns how many bytes there were; more than `count_max` are a violation.
base::Task<base::Result<std::uint64_t>> drain(Stream& stream, std::uint64_t count_max, base::MutableBytes chunk,
                                              IdleDeadline& deadline) {
  std::uint64_t count = 0;
  for (;;) {
    auto read = co_await stream.read_some(chunk);
    if (!read) co_return read.error();
    if (*read == 0) co_return count;
    if (*read > count_max - count) co_return Error::kProtocolViolation;
    count += *read;
    deadline.progress();
  }
}

base::Task<base::Result<>> serve(Stream& stream, base::MutableBytes chunk, IdleDeadline& deadline) {
  std::array<std::uint8_t, kLengthBytes> length;
  const base::MutableBytes length_bytes(length);
  auto read = co_await read_exact(stream, length_bytes);
  if (!read) co_return read;
  auto drained = co_await drain(stream, UINT64_MAX, chunk, deadline);
  if (!drained) co_return drained.error();
  auto sent = co_await send_bytes(stream, load_be64(length.data()), chunk, deadline);
  co_return sent;
}

base::Task<base::Result<PerfResult>> measure(base::Clock& clock, Stream& stream, std::uint64_t upload_bytes,
                                             std::uint64_t download_bytes, IdleDeadline& deadline) {
  base::Bytes chunk(kPerfChunkBytes);
  std::array<std::uint8_t, kLengthBytes> length;
  store_be64(length.data(), download_bytes);
  const base::ConstBytes length_bytes(length);
  const base::TimePoint begin = clock.now();
  auto sent = co_await stream.write(length_bytes);
  if (sent) sent = co_await send_bytes(stream, upload_bytes, chunk, deadline);
  if (!sent) co_return sent.error();
  const base::MutableBytes first_byte(chunk.data(), 1);
  auto first = co_await stream.read_some(first_byte);
  if (!first) co_return first.error();
  if (*first > download_bytes) co_return Error::kProtocolViolation;
  const base::TimePoint answered = clock.now();
  base::Result<std::uint64_t> rest(0u);
  if (*first > 0) rest = co_await drain(stream, download_bytes - *first, chunk, deadline);
  if (!rest) co_return rest.error();
  if (*first + *rest != download_bytes) co_return Error::kUnexpectedEof;
  co_return PerfResult{answered - begin, clock.now() - answered};
}

}  // namespace

base::Task<> serve_perf(base::Clock& clock, std::unique_ptr<Stream> stream) {
  IdleDeadline deadline(clock, kPerfIdleTimeout, [raw = stream.get()] { raw->reset(); });
  base::Bytes chunk(kPerfChunkBytes);
  auto served = co_await serve(*stream, chunk, deadline);
  if (!served) stream->reset();
}

base::Task<base::Result<PerfResult>> measure_perf(base::Clock& clock, std::unique_ptr<Stream> stream,
                                                  std::uint64_t upload_bytes, std::uint64_t download_bytes) {
  IdleDeadline deadline(clock, kPerfIdleTimeout, [raw = stream.get()] { raw->reset(); });
  auto result = co_await measure(clock, *stream, upload_bytes, download_bytes, deadline);
  if (deadline.expired()) co_return Error::kTimeout;
  if (!result) stream->reset();
  co_return result;
}

}  // namespace libp2p
