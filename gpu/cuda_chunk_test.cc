#include "gpu/cuda_chunk.h"

#include "gpu/cuda_chunk_ring.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

/// Slices of 32 KiB, `gap` bytes apart.
std::vector<SliceCopy> slices_at(std::uint8_t* host, std::size_t count, std::size_t gap = 0) {
  std::vector<SliceCopy> slices;
  for (std::size_t i = 0; i < count; ++i) slices.push_back({static_cast<Slot>(i), 0, host + i * (32768 + gap)});
  return slices;
}

TEST(CudaChunkTest, LargePinnedCopyGoesThroughTheRingInGrowingChunks) {
  auto ranges = std::make_shared<PinnedRanges>();
  const auto memory = *ranges->allocate(64u << 20);
  auto slices = slices_at(memory.get(), 2048);
  std::reverse(slices.begin(), slices.end());
  const CudaSpread spread = spread_of(slices, 32768, *ranges);
  EXPECT_TRUE(spread.uses_slots);
  EXPECT_FALSE(spread.by_kernel);
  std::size_t next = 0;
  std::vector<std::size_t> counts;
  while (next < slices.size()) {
    const CudaChunk chunk = next_chunk(slices, next, static_cast<unsigned>(counts.size()), spread, *ranges);
    EXPECT_EQ(chunk.route, CudaRoute::kRing);
    ASSERT_EQ(chunk.runs.size(), 1u) << "sorted by address they are one run";
    EXPECT_EQ(chunk.runs[0].host, memory.get() + next * 32768);
    EXPECT_EQ(chunk.runs[0].bytes, chunk.slices.size() * 32768);
    EXPECT_LE(chunk.runs[0].bytes, kCudaDeviceSlotBytes);
    for (std::size_t i = 0; i < chunk.slices.size(); ++i) EXPECT_EQ(chunk.slices[i].slot, next + i);
    counts.push_back(chunk.slices.size());
    next = chunk.end;
  }
  EXPECT_EQ(counts[0], 64u);
  EXPECT_EQ(counts[1], 448u);
  EXPECT_EQ(counts[2], 768u);
}

TEST(CudaChunkTest, LittleAndScatteredCopiesGoByTheKernel) {
  auto ranges = std::make_shared<PinnedRanges>();
  const auto memory = *ranges->allocate(64u << 20);
  auto little = slices_at(memory.get() + 100, 8);
  auto scattered = slices_at(memory.get(), 1000, 64);
  for (auto* slices : {&little, &scattered}) {
    const CudaSpread spread = spread_of(*slices, 32768, *ranges);
    EXPECT_FALSE(spread.uses_slots);
    const CudaChunk chunk = next_chunk(*slices, 0, 0, spread, *ranges);
    EXPECT_EQ(chunk.route, CudaRoute::kKernel);
    EXPECT_EQ(chunk.end, slices->size());
    EXPECT_EQ(chunk.pinned.start, memory.get());
    EXPECT_EQ(chunk.slices[1].offset, static_cast<std::size_t>((*slices)[1].host - memory.get()));
  }
}

TEST(CudaChunkTest, PageableMemoryAndSeveralRangesAreToldApart) {
  auto ranges = std::make_shared<PinnedRanges>();
  const auto a = *ranges->allocate(32768);
  const auto b = *ranges->allocate(32768);
  const std::unique_ptr<std::uint8_t[]> plain(new std::uint8_t[2 * 32768]);
  std::vector<SliceCopy> slices = {{0, 0, a.get()}, {1, 0, b.get()}, {2, 0, plain.get()}, {3, 0, plain.get() + 32768}};
  const CudaSpread spread = spread_of(slices, 32768, *ranges);
  EXPECT_TRUE(spread.uses_slots);
  std::size_t bounced = 0, direct = 0, chunks = 0;
  for (std::size_t next = 0; next < slices.size(); ++chunks) {
    const CudaChunk chunk = next_chunk(slices, next, 0, spread, *ranges);
    (chunk.route == CudaRoute::kBounce ? bounced : direct) += chunk.slices.size();
    next = chunk.end;
  }
  EXPECT_EQ(bounced, 2u);
  EXPECT_EQ(direct, 2u);
  EXPECT_GE(chunks, 3u);
  // A slice that begins in pinned memory and ends outside is pageable.
  std::vector<SliceCopy> across = {{0, 0, a.get() + 1}};
  EXPECT_EQ(next_chunk(across, 0, 0, spread_of(across, 32768, *ranges), *ranges).route, CudaRoute::kBounce);
}

TEST(CudaChunkTest, SharedHostMemoryIsFound) {
  std::uint8_t memory[100];
  const std::vector<SliceCopy> a = {{0, 0, memory}, {0, 0, memory + 20}},
                               b = {{0, 0, memory + 10}, {0, 0, memory + 30}};
  EXPECT_FALSE(share_host_memory(a, 10, b, 10));
  EXPECT_TRUE(share_host_memory(a, 11, b, 10));
  EXPECT_TRUE(share_host_memory(a, 10, a, 10));
  EXPECT_FALSE(share_host_memory(a, 10, {}, 10));
}

}  // namespace
}  // namespace kvp2p
