// Transport messages on the wire (libp2p/specs noise/README.md, "Wire Format"): a 2-byte big-endian length, then the
// sealed message. Pure: bytes in, bytes out. This is the data path: each side borrows one buffer while there are bytes,
// and allocates nothing more. Not thread-safe.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/core/buffer_pool.h"
#include "libp2p/core/gather_cursor.h"
#include "libp2p/core/opener_buffer.h"
#include "libp2p/security/noise/cipher_state.h"

#include <array>
#include <memory>
#include <optional>

namespace libp2p::noise {

inline constexpr std::size_t kFramePrefixBytes = 2;
inline constexpr std::size_t kFrameMaxBytes = kFramePrefixBytes + kMessageMaxBytes;
/// Frames without plaintext that are taken in a row. Nobody sends them but to keep us busy.
inline constexpr int kEmptyFramesMax = 16;

/// Cuts what is to be sent into sealed frames.
class FrameSealer {
 public:
  /// Frames that are sealed at a time, to leave in one write.
  static constexpr std::size_t kFrames = 8;
  /// A buffer of at least this size begins a frame of its own and is sealed straight from where it is; shorter ones
  /// (a muxer's headers) are copied together. So a header and its payload arrive as two frames, and the reader can open
  /// the payload straight into its destination.
  static constexpr std::size_t kOwnFrameMinBytes = 4 * 1024;
  /// Buffers in a row of at least this size are parts of one payload, and fill frames across their bounds.
  static constexpr std::size_t kJoinedMinBytes = 16 * 1024;

  explicit FrameSealer(CipherState cipher) : cipher_(std::move(cipher)) {}

  /// Seals the front of `from`, as much as the buffer holds. The frames stay valid until the next call of any kind.
  /// Error::kConnectionClosed once the nonces are used up. REQUIRES: not from.done().
  base::Result<base::ConstBytes> seal_some(GatherCursor& from);

  /// Gives the buffer back, until the next seal_some().
  void release_buffer() { buffer_.release(); }

 private:
  static constexpr std::size_t kBufferBytes = kFrames * (kFrameMaxBytes + 256);
  static_assert(kBufferBytes <= PooledBuffer::kBytes);

  /// Frames of one batch, and the buffers that they are sealed from: not sealed yet.
  struct Plan {
    std::array<base::ConstBytes, 64> pieces;
    std::size_t piece_count = 0;
    std::array<CipherState::Message, 32> messages;
    std::size_t message_count = 0;
    bool is_full() const { return piece_count == pieces.size() || message_count == messages.size(); }
  };
  /// Each adds one frame at `at` with at most `plaintext_max` bytes of `from`, and returns the plaintext's size.
  static std::size_t plan_large(Plan& plan, GatherCursor& from, std::uint8_t* at, std::size_t plaintext_max);
  static std::size_t plan_small(Plan& plan, GatherCursor& from, std::uint8_t* at, std::size_t plaintext_max);
  static std::size_t large_bytes(const GatherCursor& from);

  CipherState cipher_;
  PooledBuffer buffer_;
};

/// Puts received bytes together into frames and opens them.
///
///     while (the plaintext of read() is 0) received(receive into space());
class FrameOpener {
 public:
  explicit FrameOpener(CipherState cipher) : cipher_(std::move(cipher)) {}

  /// Opens what has been received, into `into` directly where a frame's plaintext fits. Returns the bytes written
  /// there; 0 if there is no complete frame. Error::kProtocolViolation, now and ever after, for a wrong tag or a frame
  /// too short to have one, or too many empty ones; Error::kConnectionClosed once the nonces are used up. On an error,
  /// what stands in `into` is void. REQUIRES: into is not empty.
  base::Result<std::size_t> read(base::MutableBytes into);

  /// Where to put what is received next; never empty. REQUIRES: read() has returned 0.
  base::MutableBytes space() { return buffer_.space(); }
  /// REQUIRES: bytes <= space().size().
  void received(std::size_t bytes) { buffer_.received(bytes); }

  /// Whether part of a frame has been received: the end of the stream here is a truncation.
  bool inside_frame() const { return !buffer_.unopened().empty(); }
  /// Whether read() would return bytes or an error.
  bool is_readable() const;
  /// Frames that read() opens from now on; then it returns 0. Small ones cost more than their bytes.
  void allow_frames(std::size_t count) { frames_left_ = count; }
  bool may_open_frames() const { return frames_left_ > 0; }

  /// Gives the buffer back, until the next space(), if at most the beginning of a frame is in it, which is kept
  /// elsewhere. A larger part of a frame stays where it is.
  void release_buffer() { buffer_.release(); }

 private:
  static constexpr std::size_t kBufferBytes = FrameSealer::kFrames * kFrameMaxBytes;
  static_assert(kBufferBytes <= PooledBuffer::kBytes);

  /// The ciphertext of the frame that begins `offset` bytes into what is not opened; nothing if it is not complete.
  base::Result<std::optional<base::ConstBytes>> frame_at(std::size_t offset) const;
  base::Result<std::optional<base::ConstBytes>> next_frame() const { return frame_at(0); }
  /// Opens the next frames together, if several have been received and fit into `into` whole, and returns the bytes
  /// written; 0 else. What is wrong goes to failed_.
  std::size_t open_several(base::MutableBytes into);
  /// Opens the next frame and returns the bytes written to `into`; nothing if there is none, or if it does not fit into
  /// `into` and need not be read now.
  base::Result<std::optional<std::size_t>> open_frame(base::MutableBytes into, bool need);

  CipherState cipher_;
  OpenerBuffer buffer_{kFrameMaxBytes, kBufferBytes};
  int empty_frames_ = 0;  ///< in a row
  std::size_t frames_left_ = SIZE_MAX;
  base::Error failed_;
};

}  // namespace libp2p::noise
