#include "cache/source_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace kvp2p {
namespace {

using Flags = std::vector<std::uint8_t>;

TEST(SourcePlanTest, LocalBlocksComeFromHere) {
  const Flags local = {1, 1, 0, 1};
  const Holding peer{0, {1, 1, 1, 1}};
  const auto sources = plan_sources(local, std::span(&peer, 1));
  EXPECT_EQ(sources, (std::vector<int>{0, 0, 1, 0}));
  EXPECT_EQ(leading_blocks(sources), 4u);
}

TEST(SourcePlanTest, ThePeerThatReachesFurthestIsTaken) {
  const Flags local(6, 0);
  const std::vector<Holding> peers = {{0, {1, 1, 1}}, {0, {1, 1, 1, 1, 0, 1}}, {4, {1, 0}}};
  EXPECT_EQ(plan_sources(local, peers), (std::vector<int>{2, 2, 2, 2, 3, 2}));
}

TEST(SourcePlanTest, LocalBlocksInBetweenCountForAPeersReach) {
  const Flags local = {0, 1, 1, 0};
  const std::vector<Holding> peers = {{0, {1, 1, 1, 0}}, {0, {1, 0, 0, 1}}};
  EXPECT_EQ(plan_sources(local, peers), (std::vector<int>{2, 0, 0, 2}));
}

TEST(SourcePlanTest, AmongEqualsTheFasterPeer) {
  const Flags local(2, 0);
  const std::vector<Holding> peers = {{0, {1, 1}, 10}, {0, {1, 1}, 20}, {0, {1, 1}, 15}};
  EXPECT_EQ(plan_sources(local, peers), (std::vector<int>{2, 2}));
}

TEST(SourcePlanTest, GapEndsThePrefixAndBlocksAfterItAreStillPlanned) {
  const Flags local = {1, 0, 0};
  const std::vector<Holding> peers = {{2, {1}}};
  const auto sources = plan_sources(local, peers);
  EXPECT_EQ(sources, (std::vector<int>{0, kNoSource, 1}));
  EXPECT_EQ(leading_blocks(sources), 1u);
}

TEST(SourcePlanTest, EveryBlockThatSomebodyHasGetsASourceThatHasIt) {
  std::mt19937 random(9);
  for (int i = 0; i < 2000; ++i) {
    const std::size_t blocks = random() % 12;
    Flags local(blocks);
    for (auto& flag : local) flag = random() % 3 == 0;
    std::vector<Holding> peers(random() % 4);
    for (Holding& peer : peers) {
      peer.first = random() % 4;
      peer.present.resize(random() % 12);
      for (auto& flag : peer.present) flag = random() % 2;
    }
    const auto sources = plan_sources(local, peers);
    ASSERT_EQ(sources.size(), blocks);
    for (std::size_t block = 0; block < blocks; ++block) {
      bool somebody = local[block] != 0;
      for (const Holding& peer : peers) somebody = somebody || peer.has(block);
      ASSERT_EQ(sources[block] != kNoSource, somebody);
      if (sources[block] > kLocalSource) {
        ASSERT_TRUE(peers[sources[block] - 1].has(block));
      }
    }
  }
}

}  // namespace
}  // namespace kvp2p
