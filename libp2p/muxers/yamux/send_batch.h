// Frames that are handed to the secured stream in one gathered write.
#pragma once

#include "libp2p/core/buffer_pool.h"
#include "libp2p/muxers/yamux/send_request.h"
#include "libp2p/muxers/yamux/yamux_frame.h"

#include <memory>
#include <vector>

namespace libp2p::yamux {

struct StreamState;

/// Headers and small pieces are copied into a buffer, which is borrowed while there are any; large payload is pointed
/// at.
class SendBatch {
 public:
  /// Pieces up to this size are copied: that costs less than one more piece, and frees the writer's buffer at once.
  static constexpr std::size_t kCopyBytesMax = 4 * 1024;
  static constexpr std::size_t kScratchBytes = 128 * 1024;
  static_assert(kScratchBytes <= PooledBuffer::kBytes);
  static constexpr std::size_t kPiecesMax = 128;

  explicit SendBatch(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// Whether another frame fits. False before the bounds are passed, never after.
  bool has_room() const;
  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }

  /// Adds a frame without payload. REQUIRES: has_room().
  void add_header(const FrameHeader& header);
  /// Adds a data frame with up to `payload_bytes_max` bytes of the stream's request; returns how many it took, at
  /// least 1. REQUIRES: has_room(), the request has unsent bytes, payload_bytes_max > 0.
  std::size_t add_data(const std::shared_ptr<StreamState>& stream, std::size_t payload_bytes_max);

  /// What to write. Valid until clear().
  std::span<const base::ConstBytes> pieces() const { return pieces_; }
  /// The streams whose bytes are in the batch; one may be there several times.
  std::span<const std::shared_ptr<StreamState>> streams() const { return streams_; }
  void clear();
  /// Gives back what an idle batch need not hold. REQUIRES: empty().
  void release_memory();

 private:
  void append_copy(base::ConstBytes bytes);

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  PooledBuffer scratch_;
  std::size_t scratch_used_ = 0;
  std::vector<base::ConstBytes> pieces_;
  std::vector<std::shared_ptr<StreamState>> streams_;
};

}  // namespace libp2p::yamux
