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
