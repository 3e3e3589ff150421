#include "gpu/staging_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

namespace kvp2p {
namespace {

std::shared_ptr<StagingPool> make_pool(std::size_t slot_bytes, std::size_t slots) {
  return StagingPool::create(std::shared_ptr<std::uint8_t[]>(new std::uint8_t[slot_bytes * slots]), slot_bytes, slots);
}

TEST(StagingPoolTest, LeasesAreDistinctAndBounded) {
  auto pool = make_pool(64, 3);
  std::vector<StagingLease> leases;
  std::set<std::uint8_t*> starts;
  while (auto lease = pool->try_lease()) {
    EXPECT_EQ(lease->bytes().size(), 64u);
    starts.insert(lease->bytes().data());
    leases.push_back(std::move(*lease));
  }
  EXPECT_EQ(leases.size(), 3u);
  EXPECT_EQ(starts.size(), 3u);
  EXPECT_EQ(pool->free_slots(), 0u);
  leases.clear();
  EXPECT_EQ(pool->free_slots(), 3u);
}

TEST(StagingPoolTest, MovedLeaseIsGivenBackOnce) {
  auto pool = make_pool(8, 2);
  StagingLease a = *pool->try_lease();
  StagingLease b = *pool->try_lease();
  b = std::move(a);
  EXPECT_EQ(pool->free_slots(), 1u);
  StagingLease c(std::move(b));
  EXPECT_FALSE(b);
  EXPECT_TRUE(c);
  c = StagingLease();
  EXPECT_EQ(pool->free_slots(), 2u);
}

TEST(StagingPoolTest, WhenFreeCallsAtOnceOrAfterGiveBack) {
  auto pool = make_pool(8, 1);
  int calls = 0;
  pool->when_free([&] { ++calls; });
  EXPECT_EQ(calls, 1);
  auto lease = pool->try_lease();
  pool->when_free([&] { ++calls; });
  pool->when_free([&] { ++calls; });
  EXPECT_EQ(calls, 1);
  lease.reset();
  EXPECT_EQ(calls, 3);
}

TEST(StagingPoolTest, PartsShareASlotUntilItIsUsedUp) {
  auto pool = make_pool(3 * 4096, 2);
  auto a = pool->try_lease_part(4096);
  auto b = pool->try_lease_part(4097);  // whole pages
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->bytes().size(), 4096u);
  EXPECT_EQ(b->bytes().data(), a->bytes().data() + 4096);
  EXPECT_EQ(b->bytes().size(), 2u * 4096);
  EXPECT_EQ(pool->free_slots(), 1u);
  auto c = pool->try_lease_part(1);
  ASSERT_TRUE(c);
  EXPECT_EQ(pool->free_slots(), 0u);
  a.reset();
  EXPECT_EQ(pool->free_slots(), 0u);
  b.reset();
  EXPECT_EQ(pool->free_slots(), 1u);
  c.reset();
  EXPECT_EQ(pool->free_slots(), 2u);
}

TEST(StagingPoolTest, APartOfASmallSlotIsTheSlot) {
  auto pool = make_pool(64, 1);
  auto part = pool->try_lease_part(10);
  ASSERT_TRUE(part);
  EXPECT_TRUE(*part);
  EXPECT_EQ(part->bytes().size(), 64u);
  EXPECT_FALSE(pool->try_lease_part(10));
  bool told = false;
  pool->when_free([&] { told = true; });
  EXPECT_FALSE(told);
  StagingLease moved = std::move(*part);
  part.reset();
  EXPECT_FALSE(told);
  moved = StagingLease();
  EXPECT_TRUE(told);
  EXPECT_TRUE(pool->try_lease_part(64));
}

TEST(StagingPoolTest, PartsAreLeasedAndGivenBackOnSeveralThreads) {
  auto pool = make_pool(4 * 4096, 3);
  std::vector<std::thread> threads;
  for (std::uint8_t number = 1; number <= 4; ++number) {
    threads.emplace_back([&pool, number] {
      for (int round = 0; round < 2000; ++round) {
        auto part = pool->try_lease_part(4096);
        if (!part) continue;
        std::fill(part->bytes().begin(), part->bytes().end(), number);
        for (const std::uint8_t byte : part->bytes()) ASSERT_EQ(byte, number);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool->free_slots(), 3u);
}

TEST(StagingPoolTest, LeasesOutliveTheOwnersPointer) {
  auto pool = make_pool(8, 1);
  StagingLease lease = *pool->try_lease();
  pool.reset();
  lease.bytes()[7] = 1;
}

TEST(StagingPoolTest, ThreadsShareTheSlots) {
  auto pool = make_pool(16, 2);
  std::atomic<int> leased{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        if (auto lease = pool->try_lease()) {
          lease->bytes()[0] = static_cast<std::uint8_t>(i);
          ++leased;
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(pool->free_slots(), 2u);
  EXPECT_GT(leased, 0);
}

}  // namespace
}  // namespace kvp2p
