#include "base/parallel_for.h"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

namespace base {
namespace {

TEST(ParallelPool, DoesEachItemOnce) {
  for (const unsigned workers : {0u, 1u, 3u}) {
    ParallelPool pool(workers);
    for (std::size_t count = 0; count < 40; ++count) {
      std::vector<int> done(count);
      pool.run(count, [&](std::size_t item, unsigned participant) {
        EXPECT_LT(participant, pool.participants());
        ++done[item];
      });
      EXPECT_EQ(done, std::vector<int>(count, 1));
    }
  }
}

TEST(ParallelPool, WhatItemsWriteIsThereAfterwards) {
  ParallelPool pool(3);
  std::vector<std::size_t> sums(17);
  for (std::size_t round = 0; round < 2000; ++round) {
    pool.run(sums.size(), [&](std::size_t item, unsigned) { sums[item] += item + round; });
  }
  for (std::size_t item = 0; item < sums.size(); ++item) EXPECT_EQ(sums[item], 2000 * item + 1999 * 2000 / 2);
}

TEST(ParallelPool, AParticipantDoesOneItemAtATime) {
  ParallelPool pool(3);
  std::array<std::atomic<int>, 4> active{};
  for (int round = 0; round < 200; ++round) {
    pool.run(20, [&](std::size_t, unsigned participant) {
      EXPECT_EQ(active[participant].fetch_add(1), 0);
      active[participant].fetch_sub(1);
    });
  }
}

TEST(ParallelPool, WorkersThatSleepAreWoken) {
  ParallelPool pool(1);
  pool.run(2, [](std::size_t, unsigned) {});
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // asleep or not: both are good
    std::atomic<int> together{0};
    // Two items that wait for each other: they end only if two threads do them.
    pool.run(2, [&](std::size_t, unsigned) {
      ++together;
      while (together < 2) std::this_thread::yield();
    });
    EXPECT_EQ(together, 2);
  }
}

TEST(ParallelPool, SeveralCallersAtOnce) {
  ParallelPool pool(2);
  std::vector<std::thread> callers;
  std::array<std::size_t, 4> sums{};
  for (std::size_t caller = 0; caller < sums.size(); ++caller) {
    callers.emplace_back([&pool, &sum = sums[caller]] {
      for (int round = 0; round < 500; ++round) {
        std::array<std::size_t, 9> items{};
        pool.run(items.size(), [&](std::size_t item, unsigned) { items[item] = item; });
        sum += std::accumulate(items.begin(), items.end(), std::size_t{0});
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(sums, (std::array<std::size_t, 4>{18000, 18000, 18000, 18000}));
}

TEST(ParallelPool, EndsUnused) { ParallelPool pool(4); }

}  // namespace
}  // namespace base
