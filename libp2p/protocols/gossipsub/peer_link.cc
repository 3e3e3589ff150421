#include "libp2p/protocols/gossipsub/peer_link.h"

#include "libp2p/core/scoped_deadline.h"

#include <algorithm>
#include <chrono>

namespace libp2p::gossipsub {

namespace {

/// Written at once. A slow peer has taken so much within the time-out, or has its stream reset.
constexpr std::size_t kWriteBytes = 64 * 1024;

}  // namespace

base::TimePoint PeerLink::bytes_read(std::size_t bytes, base::TimePoint now, std::size_t bytes_per_s,
                                     std::size_t burst) {
  const auto time_for = [bytes_per_s](std::size_t count) {
    const double seconds = static_cast<double>(count) / static_cast<double>(bytes_per_s);
    return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(seconds));
  };
  read_until = std::max(read_until, now) + time_for(bytes);
  return read_until - time_for(burst);
}

base::Task<WriteEnd> write_queue(PeerLinkPtr link, std::shared_ptr<Stream> stream, base::Clock& clock,
                                 base::Duration write_timeout) {
  for (;;) {
    while (link->queue.empty() && !link->closing && !link->gone && !link->outbound_failed) {
      co_await link->changed.wait();
    }
    if (link->gone || link->outbound_failed) co_return WriteEnd::kFailed;
    ScopedDeadline deadline(clock, clock.now() + write_timeout, [raw = stream.get()] { raw->reset(); });
    if (link->queue.empty()) {
      auto closed = co_await stream->close_write();
      co_return closed ? WriteEnd::kClosed : WriteEnd::kFailed;
    }
    const std::vector<SendQueue::Frame> frames = link->queue.take(kWriteBytes);
    std::vector<base::ConstBytes> buffers(frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) buffers[i] = *frames[i];
    link->is_writing = true;
    const std::span<const base::ConstBytes> span(buffers);
    auto written = co_await stream->write_gather(span);
    link->is_writing = false;
    if (!written) co_return WriteEnd::kFailed;
  }
}

base::Task<> watch_outbound(PeerLinkPtr link, std::shared_ptr<Stream> stream) {
  std::uint8_t byte = 0;
  for (;;) {
    auto count = co_await stream->read_some(base::MutableBytes(&byte, 1));
    // Its closing its direction is no news: it has nothing to say here.
    if (count && *count == 0) co_return;
    if (!count) break;
  }
  if (link->outbound != stream) co_return;
  link->outbound_failed = true;
  link->notify();
}

base::Task<> wait_on_link(PeerLinkPtr link, base::Clock& clock, base::TimePoint when) {
  bool due = false;
  const auto timer = clock.call_at(when, [&due, &link] {
    due = true;
    link->notify();
  });
  while (!due && !link->gone && !link->closing) co_await link->changed.wait();
}

}  // namespace libp2p::gossipsub
