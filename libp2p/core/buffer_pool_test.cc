#include "libp2p/core/buffer_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace libp2p {
namespace {

TEST(PooledBufferTest, HoldsNothingUntilTaken) {
  PooledBuffer buffer;
  EXPECT_FALSE(buffer);
  buffer = PooledBuffer::take();
  ASSERT_TRUE(buffer);
  std::memset(buffer.data(), 1, PooledBuffer::kBytes);
  buffer.release();
  EXPECT_FALSE(buffer);
}

TEST(PooledBufferTest, BuffersInUseAreDistinct) {
  std::vector<PooledBuffer> buffers;
  for (std::size_t i = 0; i < 3 * kPooledBuffersMax; ++i) {
    buffers.push_back(PooledBuffer::take());
    *buffers.back().data() = static_cast<std::uint8_t>(i);
  }
  for (std::size_t i = 0; i < buffers.size(); ++i) EXPECT_EQ(*buffers[i].data(), i);
}

TEST(PooledBufferTest, ABufferMayGoBackOnAnotherThread) {
  PooledBuffer here = PooledBuffer::take();
  std::thread([there = std::move(here)]() mutable {
    const PooledBuffer another = PooledBuffer::take();
    there.release();
  }).join();
}

/// Outlives what the thread that ends keeps.
thread_local PooledBuffer last_of_thread;

TEST(PooledBufferTest, ABufferMayGoBackWhileItsThreadEnds) {
  std::thread([] {
    (void)&last_of_thread;
    last_of_thread = PooledBuffer::take();
  }).join();
}

}  // namespace
}  // namespace libp2p
