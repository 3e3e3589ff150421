// Large buffers that a connection borrows while bytes are on their way, so that an idle one holds none.
#pragma once

#include "base/bytes.h"

#include <cstddef>
#include <cstdint>
#include <memory>

namespace libp2p {

/// Each thread keeps this many free buffers for its connections; further ones go back to the system.
inline constexpr std::size_t kPooledBuffersMax = 8;

/// A buffer of kBytes, or none. Comes from the pool of the thread that takes it, and goes back, when destroyed, to that
/// of the thread that destroys it. Its bytes are what the last user left there. Not thread-safe.
class PooledBuffer {
 public:
  /// Eight Noise messages of the largest size with their lengths, and some room.
  static constexpr std::size_t kBytes = 516 * 1024;

  PooledBuffer() = default;
  static PooledBuffer take();

  explicit operator bool() const { return bytes_ != nullptr; }
  std::uint8_t* data() const { return bytes_.get(); }
  /// Back to the pool.
  void release() { bytes_.reset(); }

 private:
  struct ToPool {
    void operator()(std::uint8_t* bytes) const noexcept;
  };
  std::unique_ptr<std::uint8_t, ToPool> bytes_;
};

}  // namespace libp2p
