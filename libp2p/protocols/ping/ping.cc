#include "libp2p/protocols/ping/ping.h"

#include "libp2p/core/error.h"
#include "libp2p/core/idle_deadline.h"
#include "libp2p/core/scoped_deadline.h"

#include <algorithm>
#include <array>

namespace libp2p {

base::Task<> serve_ping(base::Clock& clock, std::unique_ptr<Stream> stream) {
  std::array<std::uint8_t, kPingBytes> payload;
  const base::MutableBytes payload_bytes(payload);
  IdleDeadline deadline(clock, kPingIdleTimeout, [raw = stream.get()] { raw->reset(); });
  for (;;) {
    auto read = co_await read_exact(*stream, payload_bytes);
    // The end of the stream is how the other side says that it has done.
    if (!read) break;
    auto written = co_await stream->write(payload_bytes);
    if (!written) break;
    deadline.progress();
  }
  (void)co_await stream->close_write();
}

base::Task<base::Result<base::Duration>> ping_round_trip(base::Clock& clock, Stream& stream, base::Duration timeout) {
  std::array<std::uint8_t, kPingBytes> sent;
  std::array<std::uint8_t, kPingBytes> answer;
  base::random_bytes(sent);
  const base::TimePoint begin = clock.now();
  ScopedDeadline deadline(clock, begin + timeout, [&stream] { stream.reset(); });
  auto done = co_await stream.write(sent);
  if (done) done = co_await read_exact(stream, answer);
  if (deadline.expired()) co_return Error::kTimeout;
  if (!done) co_return done.error();
  if (answer != sent) co_return Error::kProtocolViolation;
  co_return clock.now() - begin;
}

}  // namespace libp2p
