#include "libp2p/core/timed_io.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"

#include <array>

namespace libp2p {

namespace {

/// What is read and dropped while the other side has not closed.
constexpr std::size_t kDroppedBytesMax = 64 * 1024;

}  // namespace

base::Task<base::Result<base::Bytes>> read_message_by(Stream& stream, base::Clock& clock, base::TimePoint deadline,
                                                      std::size_t bytes_max) {
  ScopedDeadline time_limit(clock, deadline, [&stream] { stream.reset(); });
  auto message = co_await read_length_prefixed(stream, bytes_max);
  if (time_limit.expired()) co_return Error::kTimeout;
  co_return message;
}

base::Task<base::Result<>> write_message_by(Stream& stream, base::Clock& clock, base::TimePoint deadline,
                                            base::Bytes message) {
  ScopedDeadline time_limit(clock, deadline, [&stream] { stream.reset(); });
  auto written = co_await write_length_prefixed(stream, message);
  if (time_limit.expired()) co_return Error::kTimeout;
  co_return written;
}

base::Task<> finish_by(Stream& stream, base::Clock& clock, base::TimePoint deadline) {
  ScopedDeadline time_limit(clock, deadline, [&stream] { stream.reset(); });
  auto closed = co_await stream.close_write();
  if (!closed) co_return;
  std::array<std::uint8_t, 1024> dropped;
  for (std::size_t bytes = 0; bytes < kDroppedBytesMax;) {
    auto count = co_await stream.read_some(dropped);
    if (!count || *count == 0) co_return;
    bytes += *count;
  }
  stream.reset();
}

}  // namespace libp2p
