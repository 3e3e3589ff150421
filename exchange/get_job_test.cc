#include "exchange/get_job.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

wire::Get get(std::uint32_t first, std::uint32_t blocks, std::vector<std::uint32_t> layers) {
  wire::Get g;
  g.first_block = first;
  g.blocks = blocks;
  g.layers = std::move(layers);
  return g;
}

std::string walk(GetCursor& cursor) {
  std::string seen;
  while (auto chunk = cursor.peek()) {
    seen += std::to_string(chunk->layer);
    if (chunk->layers > 1) seen += "-" + std::to_string(chunk->layer + chunk->layers - 1);
    seen += ":" + std::to_string(chunk->first_block) + "+" + std::to_string(chunk->blocks) + " ";
    cursor.advance(*chunk);
  }
  return seen;
}

TEST(GetCursor, WalksLayerByLayerInRuns) {
  GetCursor cursor(get(10, 5, {2, 0}), 2);
  EXPECT_EQ(walk(cursor), "2:10+2 2:12+2 2:14+1 0:10+2 0:12+2 0:14+1 ");
}

TEST(GetCursor, OneFrameForAllIfItFits) {
  GetCursor cursor(get(0, 5, {1}), 100);
  EXPECT_EQ(walk(cursor), "1:0+5 ");
}

TEST(GetCursor, LeavesOutWhatIsGone) {
  GetCursor cursor(get(0, 5, {0, 1}), 4);
  auto chunk = cursor.peek();
  ASSERT_TRUE(chunk);
  cursor.advance(*chunk);
  EXPECT_TRUE(cursor.mark_gone(1));
  EXPECT_FALSE(cursor.mark_gone(1));
  EXPECT_TRUE(cursor.mark_gone(4));
  EXPECT_EQ(walk(cursor), "1:0+1 1:2+2 ");
}

TEST(GetCursor, ASplitRunComesAgainBlockByBlock) {
  GetCursor cursor(get(0, 3, {0, 1}), 3);
  auto chunk = cursor.peek();
  ASSERT_TRUE(chunk);
  cursor.advance(*chunk);
  cursor.split(*chunk);
  cursor.mark_gone(1);
  EXPECT_EQ(walk(cursor), "0:0+1 0:2+1 1:0+1 1:2+1 ");
}

TEST(GetCursor, JoinsLayersThatFollowEachOther) {
  wire::Get joined = get(4, 3, {0, 1, 2, 5, 6, 3});
  joined.may_join = true;
  GetCursor by_two(joined, 7);
  EXPECT_EQ(walk(by_two), "0-1:4+3 2:4+3 5-6:4+3 3:4+3 ");
  GetCursor by_one(joined, 5);
  EXPECT_EQ(walk(by_one), "0:4+3 1:4+3 2:4+3 5:4+3 6:4+3 3:4+3 ");
  GetCursor in_runs(joined, 2);
  EXPECT_EQ(walk(in_runs).substr(0, 12), "0:4+2 0:6+1 ");
}

TEST(GetCursor, JoinsNoLayersOfWhichABlockIsGone) {
  wire::Get joined = get(0, 2, {0, 1, 2, 3});
  joined.may_join = true;
  GetCursor cursor(joined, 4);
  auto chunk = cursor.peek();
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->slices(), 4u);
  cursor.advance(*chunk);
  cursor.split(*chunk);
  cursor.mark_gone(0);
  EXPECT_EQ(walk(cursor), "0:1+1 1:1+1 2:1+1 3:1+1 ");
}

TEST(GetCursor, EverythingGoneIsTheEnd) {
  GetCursor cursor(get(0, 2, {0, 1, 2}), 1);
  cursor.mark_gone(0);
  cursor.mark_gone(1);
  EXPECT_FALSE(cursor.peek());
}

}  // namespace
}  // namespace kvp2p
