// What a stream has received and its reader has not taken yet.
#pragma once

#include "base/bytes.h"
#include "libp2p/muxers/yamux/receive_meter.h"

#include <memory>
#include <vector>

namespace libp2p::yamux {

/// A queue of bytes in chunks; nothing is moved when it grows. The caller bounds its size (a stream's window). Memory
/// held is at most the bytes held plus one chunk at either end. `meter` counts the bytes, and outlives the buffer.
class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(ReceiveMeter& meter) : meter_(meter) {}
  ~ReceiveBuffer() { meter_.remove(size_); }
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;

  static constexpr std::size_t kChunkBytesMin = 4 * 1024;
  static constexpr std::size_t kChunkBytesMax = 64 * 1024;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

  /// Room at the end for between 1 and `wanted` bytes; commit() tells how many were written there.
  base::MutableBytes prepare(std::size_t wanted);
  void commit(std::size_t count);

  /// Takes up to into.size() bytes from the front; returns how many.
  std::size_t read(base::MutableBytes into);

  /// Drops everything and gives the memory back.
  void clear();

 private:
  struct Chunk {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t capacity = 0;
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  void drop_front();

  ReceiveMeter& meter_;
  std::vector<Chunk> chunks_;  // those before first_ are empty
  std::size_t first_ = 0;
  std::size_t size_ = 0;
};

}  // namespace libp2p::yamux
