#include "kv/content_digest.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

constexpr std::size_t kSlice = 8192;

base::Bytes counting(std::size_t size) {
  base::Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
  return bytes;
}

std::vector<ContentDigest> leaves_of(base::ConstBytes bytes) {
  std::vector<ContentDigest> leaves(bytes.size() / kSlice);
  compute_leaves(bytes, kSlice, leaves);
  return leaves;
}

// A leaf or root that changes makes every stored block unreadable to older nodes: these values are for ever.
TEST(ContentDigestTest, LeavesAndRootsNeverChange) {
  const auto leaves = leaves_of(counting(2 * kSlice));
  EXPECT_EQ(base::to_hex(leaves[0].bytes), "4f0f3b796d0fb5bb0536217f8bb83dff");
  EXPECT_EQ(base::to_hex(leaves[1].bytes), "46f0db54b7a726269bdac5e3d5493f02");
  EXPECT_EQ(base::to_hex(root_of(leaves).bytes), "9fb4de0260a0014c6a8f5aa276aa1855");
}

// The empty input's hash in XXH3's own documentation and tests.
TEST(ContentDigestTest, BytesAreInXxhashsCanonicalOrder) {
  EXPECT_EQ(base::to_hex(root_of({}).bytes), "99aa06d3014798d86001c324468d497f");
}

TEST(ContentDigestTest, ALeafCoversItsSliceOnly) {
  base::Bytes bytes = counting(4 * kSlice);
  const auto before = leaves_of(bytes);
  bytes[2 * kSlice + 5] ^= 1;
  const auto after = leaves_of(bytes);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(before[i] == after[i], i != 2) << i;
  EXPECT_NE(root_of(before), root_of(after));
}

TEST(ContentDigestTest, EveryFlippedBitIsSeen) {
  base::Bytes bytes = counting(kSlice);
  const auto leaves = leaves_of(bytes);
  EXPECT_TRUE(leaves_match(bytes, kSlice, leaves));
  for (std::size_t bit = 0; bit < 8 * kSlice; bit += 97) {
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(leaves_match(bytes, kSlice, leaves)) << bit;
    bytes[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
  }
}

TEST(ContentDigestTest, AnyRunOfHeadsIsCheckedWithItsOwnLeaves) {
  const base::Bytes bytes = counting(6 * kSlice);
  const auto leaves = leaves_of(bytes);
  EXPECT_TRUE(
      leaves_match(base::ConstBytes(bytes).subspan(2 * kSlice, 3 * kSlice), kSlice, std::span(leaves).subspan(2, 3)));
  EXPECT_FALSE(
      leaves_match(base::ConstBytes(bytes).subspan(2 * kSlice, 3 * kSlice), kSlice, std::span(leaves).subspan(1, 3)));
}

TEST(ContentDigestTest, CountsThatDoNotFitAreNoMatch) {
  const base::Bytes bytes = counting(2 * kSlice);
  const auto leaves = leaves_of(bytes);
  EXPECT_FALSE(leaves_match(bytes, kSlice, std::span(leaves).first(1)));
  EXPECT_FALSE(leaves_match(base::ConstBytes(bytes).first(kSlice), kSlice, leaves));
  EXPECT_FALSE(leaves_match(base::ConstBytes(bytes).first(2 * kSlice - 1), kSlice, leaves));
  EXPECT_FALSE(leaves_match(bytes, 0, leaves));
  EXPECT_TRUE(leaves_match({}, kSlice, {}));
}

TEST(ContentDigestTest, TheRootDependsOnTheOrderOfLeaves) {
  auto leaves = leaves_of(counting(2 * kSlice));
  const auto root = root_of(leaves);
  std::swap(leaves[0], leaves[1]);
  EXPECT_NE(root_of(leaves), root);
}

}  // namespace
}  // namespace kvp2p
