// The bounds of a yamux session, each with its default.
#pragma once

#include "base/clock.h"

#include <cstddef>
#include <cstdint>

namespace libp2p {

/// What a peer can make us hold for one session is received_bytes_max, and a few KiB a stream.
struct YamuxConfig {
  /// Bytes that the other side may send on a stream before we consume any. At least 256 KiB; what exceeds that is
  /// granted in our first frame on the stream.
  std::uint32_t receive_window_initial_bytes = 256 * 1024;
  /// How far a stream's window may grow. It doubles while half a window is consumed within a few round trips, so it
  /// settles at bandwidth × delay.
  std::uint32_t receive_window_max_bytes = 16 * 1024 * 1024;
  /// All growth beyond 256 KiB a stream, summed over the streams of a session.
  std::size_t window_growth_bytes_max = 32 * 1024 * 1024;

  /// What the streams of a session may have received that nobody has read yet. The specification gives every stream
  /// 256 KiB, so a peer may send more without breaking a rule: then the streams that hold most are reset. Twice the
  /// growth, so that 128 streams that nobody reads are no reason for that.
  std::size_t received_bytes_max = 64 * 1024 * 1024;
  /// The same for all sessions of the muxer together. While they hold more, each has to do with its equal share of it.
  std::size_t received_bytes_max_all = 512 * 1024 * 1024;

  /// Streams open at once, both ways. Further inbound ones are reset, outbound ones Error::kTooManyStreams.
  std::size_t streams_max = 1024;
  /// Inbound streams that accept_stream() has not taken yet; further ones are reset.
  std::size_t accept_backlog_max = 256;
  /// Outbound streams that the other side has not acknowledged; further ones are Error::kTooManyStreams. go and rust
  /// stop at the same number.
  std::size_t unacknowledged_max = 256;

  /// Answers that wait to be written (pings, resets). While there are as many, nothing is read; nor while twice
  /// streams_max streams and as many again wait to write, most of which must have been reset meanwhile.
  std::size_t control_frames_max = 256;
  /// Pings answered in one second; more end the session.
  std::size_t pings_per_second_max = 128;
  /// Frames in one second, and twice as many at once, that change nothing (no payload, no credit, a stream that is not
  /// there), or take back what a frame did before (a stream that the peer opened and resets); more end the session.
  std::size_t useless_frames_per_second_max = 10'000;

  /// Payload of one data frame that we send: what a stream gets before others have their turn. A little under 64 KiB,
  /// so that it fits into one Noise message (65,519 bytes), and a multiple of a cache line.
  std::size_t data_frame_bytes_max = 64 * 1024 - 64;
  /// Frames are handed to the secured stream in batches of about this size.
  std::size_t batch_bytes_max = 512 * 1024;

  /// How often a ping is sent. It keeps the connection from idling, and measures the round trip.
  base::Duration keep_alive = std::chrono::seconds(30);
  /// A session that has a ping unanswered, and receives nothing else either, for this long is dead: Error::kTimeout.
  base::Duration ping_timeout = std::chrono::seconds(15);
  /// How long close() waits for the other side to close too, and a goodbye to be written.
  base::Duration close_timeout = std::chrono::seconds(2);
  /// A stream that is reset while its bytes are being written to a connection that takes none, and does not give the
  /// writer's buffers back (Stream::detach_buffers()): after this long the session is ended, so that the write returns.
  base::Duration stalled_write_timeout = std::chrono::seconds(5);
};

}  // namespace libp2p
