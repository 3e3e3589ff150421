#include "index/block_index.h"
#include "multiformats/numbered_peer.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace kvp2p {
namespace {

using multiformats::PeerId;

constexpr auto peer = multiformats::testing::numbered_peer;

BlockKey key(std::uint32_t number) {
  BlockKey k;
  base::store_le32(k.bytes.data(), number);
  base::store_le32(k.bytes.data() + 8, number * 2654435761u);
  return k;
}

std::vector<BlockKey> keys(std::uint32_t first, std::uint32_t count) {
  std::vector<BlockKey> all;
  for (std::uint32_t i = 0; i < count; ++i) all.push_back(key(first + i));
  return all;
}

TEST(BlockIndex, HoldersAreThoseOfALeadingRunLongestFirst) {
  BlockIndex index;
  index.stored(peer(1), 7, keys(0, 3));
  index.stored(peer(2), 7, keys(0, 5));
  index.stored(peer(3), 7, keys(1, 9));  // not the first
  const auto asked = keys(0, 10);
  auto holders = index.holders(asked, 0, 8);
  ASSERT_EQ(holders.size(), 2u);
  EXPECT_EQ(holders[0].peer, peer(2));
  EXPECT_EQ(holders[0].blocks, 5u);
  EXPECT_EQ(holders[1].peer, peer(1));
  EXPECT_EQ(holders[1].blocks, 3u);
  holders = index.holders(asked, 4, 1);
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].peer, peer(3));
  EXPECT_EQ(holders[0].blocks, 6u);
  EXPECT_TRUE(index.holders(asked, 10, 8).empty());
  EXPECT_TRUE(index.holders(asked, 0, 0).empty());
}

TEST(BlockIndex, EvictedBlocksAreGone) {
  BlockIndex index;
  index.stored(peer(1), 7, keys(0, 3));
  index.evicted(peer(1), 7, keys(1, 1));
  EXPECT_EQ(index.pairs(), 2u);
  const auto holders = index.holders(keys(0, 3), 0, 8);
  ASSERT_EQ(holders.size(), 1u);
  EXPECT_EQ(holders[0].blocks, 1u);
}

TEST(BlockIndex, ANewEpochForgetsTheOldOne) {
  BlockIndex index;
  index.stored(peer(1), 7, keys(0, 3));
  index.evicted(peer(1), 6, keys(0, 3));
  EXPECT_EQ(index.pairs(), 3u) << "an eviction of another incarnation says nothing";
  index.stored(peer(1), 8, keys(2, 1));
  EXPECT_EQ(index.pairs(), 1u);
  EXPECT_TRUE(index.holders(keys(0, 1), 0, 8).empty());
}

TEST(BlockIndex, ForgottenPeersHoldNothing) {
  BlockIndex index;
  index.stored(peer(1), 7, keys(0, 3));
  index.stored(peer(2), 7, keys(0, 3));
  index.forget(peer(1));
  index.forget(peer(9));
  EXPECT_EQ(index.pairs(), 3u);
  index.stored(peer(3), 1, keys(0, 1));
  const auto holders = index.holders(keys(0, 3), 0, 8);
  ASSERT_EQ(holders.size(), 2u);
  EXPECT_EQ(holders[0].peer, peer(2));
  EXPECT_EQ(holders[1].peer, peer(3));
}

TEST(BlockIndex, AFloodingPeerLosesItsOwnOldestOnly) {
  BlockIndex index(100);
  index.stored(peer(1), 7, keys(0, 10));
  index.stored(peer(2), 7, keys(1000, 500));
  EXPECT_EQ(index.pairs(), 100u);
  EXPECT_EQ(index.holders(keys(0, 10), 0, 1).at(0).blocks, 10u);
  EXPECT_TRUE(index.holders(keys(1409, 1), 0, 1).empty());
  EXPECT_EQ(index.holders(keys(1410, 90), 0, 1).at(0).blocks, 90u);
}

TEST(BlockIndex, WhatIsAnnouncedAgainCountsAsNew) {
  BlockIndex index(3);
  index.stored(peer(1), 7, keys(0, 3));
  index.stored(peer(1), 7, keys(0, 1));
  EXPECT_EQ(index.pairs(), 3u);
  index.stored(peer(1), 7, keys(10, 1));
  EXPECT_EQ(index.holders(keys(0, 1), 0, 1).size(), 1u);
  EXPECT_TRUE(index.holders(keys(1, 1), 0, 1).empty());
}

// Two hundred who announce everything and have nothing, before one who has it.
TEST(BlockIndex, WhoPromisesFalselyStandsBehindWhoHasProvedTrue) {
  BlockIndex index(1'000'000);
  for (std::uint8_t liar = 1; liar <= 200; ++liar) index.stored(peer(liar), 7, keys(0, 100));
  index.stored(peer(201), 7, keys(0, 100));
  const auto asked = keys(0, 100);
  int rounds = 0;
  for (bool found = false; !found; ++rounds) {
    ASSERT_LE(rounds, 30);
    for (const auto& holder : index.holders(asked, 0, 8)) {
      const bool honest = holder.peer == peer(201);
      index.tested(holder.peer, holder.blocks, honest ? holder.blocks : 0);
      found = found || honest;
    }
  }
  EXPECT_EQ(index.holders(asked, 0, 8).at(0).peer, peer(201));
  // Coming back does not help.
  index.forget(peer(200));
  index.stored(peer(200), 8, keys(0, 100));
  index.stored(peer(202), 7, keys(0, 100));
  const auto holders = index.holders(asked, 0, 2);
  EXPECT_EQ(holders[0].peer, peer(201));
  EXPECT_EQ(holders[1].peer, peer(202)) << "a stranger stands before those who have lied";
}

TEST(BlockIndex, ALongerRunOfAStrangerStandsBeforeAShortOneOfAFriend) {
  BlockIndex index;
  index.stored(peer(1), 7, keys(0, 10));
  index.stored(peer(2), 7, keys(0, 100));
  for (int i = 0; i < 10; ++i) index.tested(peer(1), 10, 10);
  EXPECT_EQ(index.holders(keys(0, 100), 0, 8).at(0).peer, peer(2));
  // Half of what was promised is half a lie.
  for (int i = 0; i < 100; ++i) index.tested(peer(2), 100, 5);
  EXPECT_EQ(index.holders(keys(0, 100), 0, 8).at(0).peer, peer(1));
  for (int i = 0; i < 100; ++i) index.tested(peer(2), 100, 100);
  EXPECT_EQ(index.holders(keys(0, 100), 0, 8).at(0).peer, peer(2)) << "it is not for ever";
}

// Against a plain model, over random operations that force growth, reuse of places and drops.
TEST(BlockIndex, AgreesWithAPlainSet) {
  std::mt19937 random(1);
  BlockIndex index(100'000);
  std::set<std::pair<std::uint32_t, std::uint8_t>> model;
  for (int step = 0; step < 40'000; ++step) {
    const auto k = static_cast<std::uint32_t>(random() % 5000);
    const auto p = static_cast<std::uint8_t>(random() % 5);
    const auto one = keys(k, 1);
    switch (random() % 400) {
      case 0:
        index.forget(peer(p));
        std::erase_if(model, [&](const auto& pair) { return pair.second == p; });
        break;
      default:
        if (random() % 3 == 0) {
          index.evicted(peer(p), 1, one);
          model.erase({k, p});
        } else {
          index.stored(peer(p), 1, one);
          model.insert({k, p});
        }
    }
  }
  ASSERT_EQ(index.pairs(), model.size());
  for (std::uint32_t k = 0; k < 5000; ++k) {
    std::set<PeerId> expected;
    for (std::uint8_t p = 0; p < 5; ++p) {
      if (model.contains({k, p})) expected.insert(peer(p));
    }
    std::set<PeerId> found;
    for (const auto& holder : index.holders(keys(k, 1), 0, 100)) found.insert(holder.peer);
    ASSERT_EQ(found, expected);
  }
}

}  // namespace
}  // namespace kvp2p
