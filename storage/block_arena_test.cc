#include "storage/block_arena.h"

#include "storage/memory_store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <random>
#include <thread>

namespace kvp2p {
namespace {

/// Counts what is allocated; the memory itself is plain.
struct Source {
  std::atomic<std::size_t> bytes{0};
  std::atomic<int> live{0};
  std::atomic<bool> refuse{false};

  BlockArena::Allocate allocate() {
    return [this](std::size_t size) -> base::Result<std::shared_ptr<std::uint8_t[]>> {
      if (refuse) return boost::system::errc::make_error_code(boost::system::errc::not_enough_memory);
      bytes += size;
      ++live;
      return std::shared_ptr<std::uint8_t[]>(new std::uint8_t[size], [this](std::uint8_t* memory) {
        --live;
        delete[] memory;
      });
    };
  }
};

TEST(BlockArenaTest, OneSlabServesManyBlocksOfASize) {
  Source source;
  auto arena = BlockArena::create(1 << 20, source.allocate(), 4096);
  std::vector<std::shared_ptr<std::uint8_t[]>> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(arena->take(1000));
  EXPECT_EQ(source.live, 1);
  EXPECT_EQ(source.bytes, 4096u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(blocks[i].get(), blocks[0].get() + i * 1024);
    std::memset(blocks[i].get(), i, 1000);
  }
  blocks.push_back(arena->take(1000));
  EXPECT_EQ(source.live, 2);
  const auto other = arena->take(64);
  EXPECT_EQ(source.live, 3) << "another size takes a slab of its own";
  EXPECT_EQ(arena->stats().blocks, 6u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(blocks[i][999], i);
}

TEST(BlockArenaTest, BlockLargerThanASlabGetsItsOwn) {
  Source source;
  auto arena = BlockArena::create(1 << 20, source.allocate(), 4096);
  const auto block = arena->take(10000);
  EXPECT_EQ(source.bytes, 10048u);
  EXPECT_EQ(arena->stats().slabs, 1u);
}

TEST(BlockArenaTest, EmptySlabsGoBackButOne) {
  Source source;
  auto arena = BlockArena::create(1 << 20, source.allocate(), 4096);
  std::vector<std::shared_ptr<std::uint8_t[]>> blocks;
  for (int i = 0; i < 12; ++i) blocks.push_back(arena->take(1024));
  EXPECT_EQ(source.live, 3);
  blocks.clear();
  EXPECT_EQ(source.live, 1);
  EXPECT_EQ(arena->stats().slab_bytes, 4096u);
  blocks.push_back(arena->take(1024));
  EXPECT_EQ(source.bytes, 3 * 4096u) << "the kept slab is used again";
  EXPECT_EQ(arena->stats().blocks, 1u);
}

TEST(BlockArenaTest, BeyondTheBoundBlocksArePlainMemory) {
  Source source;
  auto arena = BlockArena::create(5000, source.allocate(), 4096);
  std::vector<std::shared_ptr<std::uint8_t[]>> blocks;
  for (int i = 0; i < 5; ++i) blocks.push_back(arena->take(2048));
  EXPECT_EQ(source.live, 2);
  EXPECT_EQ(arena->stats().plain_blocks, 1u);
  std::memset(blocks.back().get(), 1, 2048);
}

TEST(BlockArenaTest, RefusedMemoryFallsBackToPlainAndIsNotAskedForAgain) {
  Source source;
  auto arena = BlockArena::create(1 << 20, source.allocate(), 4096);
  const auto first = arena->take(4096);
  source.refuse = true;
  const auto second = arena->take(4096);
  ASSERT_TRUE(second);
  std::memset(second.get(), 2, 4096);
  source.refuse = false;
  const auto third = arena->take(4096);
  EXPECT_EQ(source.live, 1);
  EXPECT_EQ(arena->stats().plain_blocks, 2u);
  EXPECT_EQ(arena->stats().slab_bytes, 4096u);
}

TEST(BlockArenaTest, BlocksOutliveTheArenasOwner) {
  Source source;
  auto arena = BlockArena::create(1 << 20, source.allocate(), 4096);
  auto block = arena->take(100);
  arena.reset();
  std::memset(block.get(), 3, 100);
  EXPECT_EQ(source.live, 1);
  block.reset();
  EXPECT_EQ(source.live, 0);
}

TEST(BlockArenaTest, ThreadsTakeAndFreeEachOthersBlocks) {
  Source source;
  auto arena = BlockArena::create(1 << 20, source.allocate(), 4096);
  std::mutex mutex;
  std::vector<std::pair<std::uint8_t, std::shared_ptr<std::uint8_t[]>>> shared;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 2000; ++i) {
        auto mark = static_cast<std::uint8_t>(random());
        auto block = arena->take(random() % 2 ? 512 : 1024);
        std::memset(block.get(), mark, 512);
        std::unique_lock lock(mutex);
        shared.emplace_back(mark, std::move(block));
        if (shared.size() < 32) continue;
        std::swap(shared[random() % shared.size()], shared.back());
        auto [wanted, taken] = std::move(shared.back());
        shared.pop_back();
        lock.unlock();
        for (int b = 0; b < 512; ++b) ASSERT_EQ(taken[b], wanted);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  shared.clear();
  EXPECT_EQ(arena->stats().blocks, 0u);
  EXPECT_LE(arena->stats().slabs, 1u);
  arena.reset();
  EXPECT_EQ(source.live, 0);
}

TEST(BlockArenaTest, StoreTakesItsBlocksFromTheArena) {
  Source source;
  ObjectFormat format;
  format.head_dim = 4;
  format.shard = {0, 2, 0, 2};
  auto arena = BlockArena::create(1 << 20, source.allocate());
  auto store = MemoryStore::create(2 * format.block_bytes(), {}, arena);
  {
    auto a = store->reserve(format);
    auto b = store->reserve(format);
    ASSERT_TRUE(a && b);
    EXPECT_EQ(arena->stats().blocks, 2u);
    EXPECT_EQ(arena->stats().plain_blocks, 0u);
  }
  EXPECT_EQ(arena->stats().blocks, 0u);
}

}  // namespace
}  // namespace kvp2p
