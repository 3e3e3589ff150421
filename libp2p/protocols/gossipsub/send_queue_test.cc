#include "libp2p/protocols/gossipsub/send_queue.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using Outcome = SendQueue::Outcome;

SendQueue::Frame frame(std::size_t bytes) { return std::make_shared<const base::Bytes>(bytes); }

TEST(GossipsubSendQueue, GivesBackInOrderAndInPortions) {
  SendQueue queue(10'000);
  for (const std::size_t bytes : {100u, 200u, 300u, 1000u}) {
    EXPECT_EQ(queue.push(SendKind::kMessage, frame(bytes)), Outcome::kQueued);
  }
  const auto first = queue.take(350);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0]->size(), 100u);
  EXPECT_EQ(first[1]->size(), 200u);
  EXPECT_EQ(queue.take(1).size(), 1u);
  EXPECT_EQ(queue.take(1).at(0)->size(), 1000u);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.bytes(), 0u);
}

TEST(GossipsubSendQueue, LosesGossipFirstThenMessages) {
  SendQueue queue(10'000);
  while (queue.push(SendKind::kGossip, frame(500)) == Outcome::kQueued) {
  }
  EXPECT_LE(queue.bytes(), 5'000u);
  while (queue.push(SendKind::kMessage, frame(500)) == Outcome::kQueued) {
  }
  EXPECT_GT(queue.bytes(), 9'000u);
  EXPECT_LE(queue.bytes(), 10'000u);
  EXPECT_EQ(queue.push(SendKind::kGossip, frame(1)), Outcome::kDropped);
  Outcome outcome = Outcome::kQueued;
  while (outcome == Outcome::kQueued) outcome = queue.push(SendKind::kControl, frame(500));
  EXPECT_EQ(outcome, Outcome::kOverflow);
  EXPECT_LE(queue.bytes(), 20'000u);
  queue.clear();
  EXPECT_EQ(queue.bytes(), 0u);
  EXPECT_EQ(queue.push(SendKind::kGossip, frame(500)), Outcome::kQueued);
}

TEST(GossipsubSendQueue, EmptyFramesAreBoundedToo) {
  SendQueue queue(10'000);
  std::size_t count = 0;
  while (queue.push(SendKind::kMessage, frame(0)) == Outcome::kQueued) ++count;
  EXPECT_LT(count, 200u);
}

}  // namespace
}  // namespace libp2p::gossipsub
