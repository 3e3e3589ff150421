// What a session knows about one stream. Shared by the session, the stream's handle and its pending operations.
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/muxers/yamux/receive_buffer.h"
#include "libp2p/muxers/yamux/send_request.h"
#include "libp2p/muxers/yamux/yamux_frame.h"

#include <optional>

namespace libp2p::yamux {

/// A reader that waits: what arrives is put straight into its buffer. Lives in the frame of the reading coroutine.
struct PendingRead {
  base::MutableBytes into;
  std::size_t filled = 0;
};

/// Does not outlive its session.
struct StreamState {
  StreamState(const base::Executor& executor, ReceiveMeter& meter, std::uint32_t stream_id, bool is_outbound)
      : id(stream_id), outbound(is_outbound), received(meter), readable(executor), writable(executor) {}

  const std::uint32_t id;
  const bool outbound;
  /// Set once: the stream was reset, or its session has ended. Writing fails; reading fails, after what is buffered.
  std::optional<base::Error> error;
  bool has_handle = false;  ///< the application holds a YamuxStream

  // Receiving.
  std::uint32_t receive_window = kInitialWindowBytes;  ///< bytes that the other side may still send
  std::uint32_t window_bytes = kInitialWindowBytes;    ///< what receive_window is brought back to
  std::uint32_t consumed_bytes = 0;                    ///< taken by the reader and not credited yet
  base::TimePoint credited_at{};                       ///< when the last credit was given
  ReceiveBuffer received;
  PendingRead* pending_read = nullptr;
  bool fin_received = false;  ///< and what came before it not discarded
  base::Signal readable;

  // Sending.
  std::uint64_t send_window = kInitialWindowBytes;  ///< bytes that the other side has room for
  SendRequest* request = nullptr;
  bool close_requested = false;  ///< a FIN follows what is being written
  bool fin_sent = false;
  base::Signal writable;

  // What the next window update frame will carry.
  bool syn_pending = false;
  bool ack_pending = false;
  bool acknowledged = false;
  std::uint32_t credit_pending = 0;

  // Whether it is in the session's lists of streams with something to send.
  bool in_control_list = false;
  bool in_data_list = false;

  /// Whether a data frame or a FIN could be sent now.
  bool has_data_to_send() const {
    if (request != nullptr && request->unsent_bytes() > 0) return !error && send_window > 0;
    return close_requested && !fin_sent;
  }

  /// Room for received bytes, at least 1: in the waiting reader's buffer if the order allows it, else in ours.
  base::MutableBytes receive_room(std::size_t wanted) {
    if (reads_directly()) {
      const base::MutableBytes rest = pending_read->into.subspan(pending_read->filled);
      return rest.first(std::min(rest.size(), wanted));
    }
    return received.prepare(wanted);
  }
  /// `count` bytes were written into receive_room(). Whether they have filled the waiting reader's buffer.
  bool commit_received(std::size_t count) {
    if (!reads_directly()) {
      received.commit(count);
      return false;
    }
    pending_read->filled += count;
    readable.notify_all();
    return pending_read->filled == pending_read->into.size();
  }

  void wake() {
    readable.notify_all();
    writable.notify_all();
  }

 private:
  bool reads_directly() const {
    return pending_read != nullptr && received.empty() && pending_read->filled < pending_read->into.size();
  }
};

}  // namespace libp2p::yamux
