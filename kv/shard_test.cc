#include "kv/shard.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

TEST(ShardTest, EmptyReversedAndOversizeRangesAreInvalid) {
  EXPECT_TRUE((ShardRange{0, 30, 0, 3}.is_valid()));
  EXPECT_TRUE((ShardRange{0, kLayersMax, 0, kHeadsMax}.is_valid()));
  EXPECT_FALSE((ShardRange{}.is_valid()));
  EXPECT_FALSE((ShardRange{5, 5, 0, 3}.is_valid()));
  EXPECT_FALSE((ShardRange{6, 5, 0, 3}.is_valid()));
  EXPECT_FALSE((ShardRange{0, 30, 3, 0}.is_valid()));
  EXPECT_FALSE((ShardRange{0, kLayersMax + 1, 0, 3}.is_valid()));
  EXPECT_FALSE((ShardRange{0, 30, 0, kHeadsMax + 1}.is_valid()));
}

TEST(ShardTest, AShardCoversWhatLiesInsideIt) {
  const ShardRange shard{4, 8, 2, 6};
  EXPECT_TRUE(shard.covers(shard));
  EXPECT_TRUE(shard.covers({5, 6, 2, 3}));
  EXPECT_FALSE(shard.covers({3, 8, 2, 6}));
  EXPECT_FALSE(shard.covers({4, 9, 2, 6}));
  EXPECT_FALSE(shard.covers({4, 8, 1, 6}));
  EXPECT_FALSE(shard.covers({4, 8, 2, 7}));
}

TEST(ShardTest, TextIsInclusive) {
  EXPECT_EQ((ShardRange{0, 30, 0, 3}.to_text()), "layers 0-29, heads 0-2");
  EXPECT_EQ((ShardRange{}.to_text()), "no layers or no heads");
}

}  // namespace
}  // namespace kvp2p
