// What a secured stream has received: encrypted units (Noise messages, TLS records) that are not opened yet, and what
// was opened where it stood and is not read yet.
#pragma once

#include "libp2p/core/buffer_pool.h"

namespace libp2p {

/// Borrows a pooled buffer while there are bytes; the beginning of a unit alone is kept elsewhere. Not thread-safe.
class OpenerBuffer {
 public:
  /// Units have at most `unit_bytes_max` bytes. REQUIRES: unit_bytes_max <= capacity <= PooledBuffer::kBytes.
  OpenerBuffer(std::size_t unit_bytes_max, std::size_t capacity)
      : unit_bytes_max_(unit_bytes_max), capacity_(capacity) {}

  /// Received and not opened. There is no buffer behind it if no more than the beginning of a unit is there.
  base::ConstBytes unopened() const { return {buffer_ ? buffer_.data() + begin_ : stash_.data(), end_ - begin_}; }
  /// The same place, to open a unit where it stands. REQUIRES: a whole unit is there.
  std::uint8_t* in_place() { return buffer_.data() + begin_; }
  /// The first of them have been opened.
  void opened(std::size_t bytes) { begin_ += bytes; }

  /// Where to put what is received next; never empty. REQUIRES: no leftover, and no whole unit.
  base::MutableBytes space();
  /// REQUIRES: bytes <= space().size().
  void received(std::size_t bytes) { end_ += bytes; }

  /// Gives the buffer back, until the next space(), if at most the beginning of a unit is in it. A larger part of one
  /// stays where it is.
  void release();

  /// Plaintext in this buffer, before what is not opened, for take_leftover().
  void leave(base::ConstBytes plaintext) { leftover_ = plaintext; }
  bool has_leftover() const { return !leftover_.empty(); }
  /// Takes as much of it as `into` holds; how much that is.
  std::size_t take_leftover(base::MutableBytes into);

 private:
  /// The part of a unit that is rather copied than have it hold a buffer.
  static constexpr std::size_t kStashBytesMax = 4 * 1024;

  std::size_t unit_bytes_max_, capacity_;
  PooledBuffer buffer_;
  base::Bytes stash_;      ///< what [begin_, end_) holds, while there is no buffer
  std::size_t begin_ = 0;  ///< received and not opened: [begin_, end_)
  std::size_t end_ = 0;
  base::ConstBytes leftover_;
};

}  // namespace libp2p
