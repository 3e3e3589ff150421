#include "kv/prefix_match.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

TEST(PrefixMatchTest, OnlyFullBlocksHaveKeys) {
  EXPECT_EQ(full_blocks(0), 0u);
  EXPECT_EQ(full_blocks(15), 0u);
  EXPECT_EQ(full_blocks(16), 1u);
  EXPECT_EQ(full_blocks(1023), 63u);
}

TEST(PrefixMatchTest, TheWholePromptIsNeverMatched) {
  EXPECT_EQ(matchable_blocks(0), 0u);
  EXPECT_EQ(matchable_blocks(16), 0u) << "one token must be computed for logits";
  EXPECT_EQ(matchable_blocks(17), 1u);
  EXPECT_EQ(matchable_blocks(32), 1u);
  EXPECT_EQ(matchable_blocks(33), 2u);
}

TEST(PrefixMatchTest, TheLeadingRunEndsAtTheFirstGap) {
  const auto run = [](std::vector<std::uint8_t> present) { return leading_run(present); };
  EXPECT_EQ(run({}), 0u);
  EXPECT_EQ(run({0, 1, 1}), 0u);
  EXPECT_EQ(run({1, 1, 0, 1}), 2u);
  EXPECT_EQ(run({1, 2}), 2u);
}

TEST(PrefixMatchTest, KeysAfterAMissAreNotAskedFor) {
  const std::vector<TokenId> tokens(80, 7);
  const auto keys = keys_from_tokens({}, tokens);
  std::size_t asked = 0;
  const auto n = leading_run(keys, [&](const BlockKey& key) {
    ++asked;
    return key != keys[2];
  });
  EXPECT_EQ(n, 2u);
  EXPECT_EQ(asked, 3u);
}

TEST(PrefixMatchTest, ShardsSplitOtherwiseCoverOneAnother) {
  const ShardRange whole{0, 32, 0, 8};
  const std::vector<ShardRange> tp4 = {{0, 32, 0, 2}, {0, 32, 2, 4}, {0, 32, 4, 6}, {0, 32, 6, 8}};
  EXPECT_TRUE(cover(tp4, whole));
  for (std::uint32_t head = 0; head < 8; ++head) EXPECT_TRUE(cover(tp4, {0, 32, head, head + 1})) << "TP8 from TP4";
  const std::vector<ShardRange> mixed = {{0, 16, 0, 8}, {16, 32, 0, 5}, {16, 32, 4, 8}};
  EXPECT_TRUE(cover(mixed, whole)) << "pipeline and tensor parallel, overlapping";
  EXPECT_TRUE(cover(mixed, {10, 20, 3, 6}));
}

TEST(PrefixMatchTest, AMissingShardIsAMiss) {
  const ShardRange whole{0, 32, 0, 8};
  EXPECT_FALSE(cover({}, whole));
  const std::vector<ShardRange> three = {{0, 32, 0, 2}, {0, 32, 2, 4}, {0, 32, 6, 8}};
  EXPECT_FALSE(cover(three, whole));
  EXPECT_TRUE(cover(three, {0, 32, 0, 4}));
  const std::vector<ShardRange> hole = {{0, 32, 0, 4}, {0, 15, 4, 8}, {16, 32, 4, 8}};
  EXPECT_FALSE(cover(hole, whole)) << "layer 15 has half its heads";
  EXPECT_FALSE(cover(three, ShardRange{})) << "nothing is not a shard";
}

}  // namespace
}  // namespace kvp2p
