// One peer's streams: ours to it, which is written to only, and its to us, which is read only (libp2p/specs
// pubsub/README.md, "Stream management").
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/host/host.h"
#include "libp2p/protocols/gossipsub/send_queue.h"

#include <memory>

namespace libp2p::gossipsub {

/// Held by those coroutines that read and write. Not thread-safe.
struct PeerLink {
  PeerLink(const base::Executor& executor, multiformats::PeerId peer_id, std::size_t queued_bytes_max)
      : peer(peer_id), queue(queued_bytes_max), changed(executor) {}

  /// Wakes whoever waits for something to happen to the link.
  void notify() { changed.notify_all(); }
  /// Ends both streams, for good.
  void end() {
    gone = true;
    if (outbound) outbound->reset();
    if (inbound) inbound->reset();
    notify();
  }

  const multiformats::PeerId peer;
  SendQueue queue;
  /// Something is in the queue, or one of the flags has been set.
  base::Signal changed;
  std::shared_ptr<Stream> outbound;
  /// The connection that it is on.
  std::weak_ptr<Connection> outbound_connection;
  std::shared_ptr<Stream> inbound;
  /// The peer has been let go of.
  bool gone = false;
  /// What is queued is sent still, then the stream closed.
  bool closing = false;
  /// The stream to it has failed, which writing to it would tell later.
  bool outbound_failed = false;
  /// A coroutine opens and writes the stream to it.
  bool is_running = false;
  bool is_writing = false;
  std::size_t validating = 0;
  /// What has been read counts until then; see bytes_read().
  base::TimePoint read_until{};

  /// Counts what has been read, and tells when to read on: `burst` may be ahead of `bytes_per_s`.
  base::TimePoint bytes_read(std::size_t bytes, base::TimePoint now, std::size_t bytes_per_s, std::size_t burst);
};
using PeerLinkPtr = std::shared_ptr<PeerLink>;

enum class WriteEnd { kClosed, kFailed };

/// Writes what is queued for the peer to `stream` until that fails, or the link ends or closes.
base::Task<WriteEnd> write_queue(PeerLinkPtr link, std::shared_ptr<Stream> stream, base::Clock& clock,
                                 base::Duration write_timeout);

/// Waits for the peer to refuse or reset our stream to it, and then tells the link.
base::Task<> watch_outbound(PeerLinkPtr link, std::shared_ptr<Stream> stream);

/// Waits until `when`, or until the link ends or closes.
base::Task<> wait_on_link(PeerLinkPtr link, base::Clock& clock, base::TimePoint when);

}  // namespace libp2p::gossipsub
