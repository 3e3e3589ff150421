#include "libp2p/core/buffer_pool.h"

#include "base/sanitizers.h"

#include <array>
#include <new>
#if BASE_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#endif

namespace libp2p {

namespace {

// So that the sanitizer finds a buffer which is used after it went back.
#if BASE_ADDRESS_SANITIZER
void forbid(std::uint8_t* buffer) { __asan_poison_memory_region(buffer, PooledBuffer::kBytes); }
void allow(std::uint8_t* buffer) { __asan_unpoison_memory_region(buffer, PooledBuffer::kBytes); }
#else
void forbid(std::uint8_t*) {}
void allow(std::uint8_t*) {}
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
    while (free_buffers.count > 0) {
      std::uint8_t* const buffer = free_buffers.buffers[--free_buffers.count];
      allow(buffer);
      ::operator delete(buffer);
    }
    free_buffers.thread_ends = true;
  }
};
thread_local AtThreadEnd at_thread_end;

}  // namespace

PooledBuffer PooledBuffer::take() {
  (void)&at_thread_end;  // made with the thread's first
  PooledBuffer taken;
  if (free_buffers.count > 0) {
    taken.bytes_.reset(free_buffers.buffers[--free_buffers.count]);
    allow(taken.bytes_.get());
  } else {
    taken.bytes_.reset(static_cast<std::uint8_t*>(::operator new(kBytes)));
  }
  return taken;
}

void PooledBuffer::ToPool::operator()(std::uint8_t* bytes) const noexcept {
  if (free_buffers.thread_ends || free_buffers.count == kPooledBuffersMax) return ::operator delete(bytes);
  (void)&at_thread_end;  // a buffer may come from another thread
  forbid(bytes);
  free_buffers.buffers[free_buffers.count++] = bytes;
}

}  // namespace libp2p
