#include "libp2p/muxers/yamux/flat_queue.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <random>

namespace libp2p::yamux {
namespace {

TEST(FlatQueueTest, BehavesAsADeque) {
  std::mt19937 random(3);
  FlatQueue<int> queue;
  std::deque<int> expected;
  int next = 1;
  for (int i = 0; i < 100'000; ++i) {
    const bool grows = (i / 1000) % 2 == 0;
    if (random() % 10 < (grows ? 7 : 3)) {
      queue.push_back(next);
      expected.push_back(next++);
    } else if (!expected.empty() && random() % 20 == 0) {
      const int item = expected[random() % expected.size()];
      queue.remove(item);
      std::erase(expected, item);
    } else if (!expected.empty()) {
      ASSERT_EQ(queue.front(), expected.front());
      queue.pop_front();
      expected.pop_front();
    }
    ASSERT_EQ(queue.size(), expected.size());
  }
  queue.clear();
  EXPECT_TRUE(queue.empty());
}

TEST(FlatQueueTest, WhatIsTakenOutIsLetGo) {
  FlatQueue<std::shared_ptr<int>> queue;
  const auto item = std::make_shared<int>(1);
  for (int i = 0; i < 3; ++i) queue.push_back(item);
  queue.pop_front();
  EXPECT_EQ(item.use_count(), 3);
  queue.clear();
  EXPECT_EQ(item.use_count(), 1);
}

}  // namespace
}  // namespace libp2p::yamux
