#include "libp2p/core/buffer_pool.h"

#include <array>
#include <new>

namespace libp2p {

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t kKeptMax = 0;  // a buffer that is used after it went back is to be found
#else
constexpr std::size_t kKeptMax = kPooledBuffersMax;
#endif

/// A thread's free buffers. Trivial, so that a buffer which is released while the thread ends finds it still there.
struct FreeBuffers {
  std::array<std::uint8_t*, kPooledBuffersMax> buffers;
  std::size_t count;
  bool thread_ends;
};
thread_local constinit FreeBuffers free_buffers{};

struct AtThreadEnd {
  ~AtThreadEnd() {
    while (free_buffers.count > 0) ::operator delete(free_buffers.buffers[--free_buffers.count]);
    free_buffers.thread_ends = true;
  }
};
thread_local AtThreadEnd at_thread_end;

}  // namespace

PooledBuffer PooledBuffer::take() {
  (void)&at_thread_end;  // made with the thread's first buffer
  PooledBuffer taken;
  taken.bytes_.reset(free_buffers.count > 0 ? free_buffers.buffers[--free_buffers.count]
                                            : static_cast<std::uint8_t*>(::operator new(kBytes)));
  return taken;
}

void PooledBuffer::ToPool::operator()(std::uint8_t* bytes) const noexcept {
  if (free_buffers.thread_ends || free_buffers.count >= kKeptMax) return ::operator delete(bytes);
  free_buffers.buffers[free_buffers.count++] = bytes;
}

}  // namespace libp2p
