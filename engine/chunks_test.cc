#include "engine/chunks.h"

#include <gtest/gtest.h>

namespace kvp2p::engine {
namespace {

using Ends = std::vector<std::size_t>;

TEST(Chunks, CutsAtMultiplesOfTheChunk) {
  EXPECT_EQ(chunk_ends(0, 500, 192, {}), (Ends{192, 384, 500}));
  EXPECT_EQ(chunk_ends(0, 384, 192, {}), (Ends{192, 384}));
  EXPECT_EQ(chunk_ends(0, 5, 192, {}), (Ends{5}));
}

TEST(Chunks, BeginsInsideAChunk) {
  EXPECT_EQ(chunk_ends(288, 500, 192, {}), (Ends{384, 500}));
  EXPECT_EQ(chunk_ends(192, 500, 192, {}), (Ends{384, 500}));
  EXPECT_EQ(chunk_ends(496, 500, 192, {}), (Ends{500}));
}

TEST(Chunks, AnExtraCutMakesTheChunksOfARunThatBeginsThere) {
  const Ends extra{288};
  const Ends whole = chunk_ends(0, 500, 192, extra);
  EXPECT_EQ(whole, (Ends{192, 288, 384, 500}));
  const Ends tail = chunk_ends(288, 500, 192, extra);
  EXPECT_EQ(tail, (Ends{384, 500}));
}

TEST(Chunks, ExtraCutsOutsideOrTwiceDoNothing) {
  EXPECT_EQ(chunk_ends(16, 100, 64, Ends{0, 16, 64, 32, 32, 100, 900}), (Ends{32, 64, 100}));
}

}  // namespace
}  // namespace kvp2p::engine
