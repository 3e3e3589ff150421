#include "multiformats/varint.h"

#include "multiformats/errors.h"

#include <gtest/gtest.h>

namespace multiformats {
namespace {

TEST(VarintTest, EncodesTheSpecsExamples) {
  const std::pair<std::uint64_t, base::Bytes> examples[] = {
      {0, {0x00}},
      {1, {0x01}},
      {127, {0x7f}},
      {128, {0x80, 0x01}},
      {255, {0xff, 0x01}},
      {300, {0xac, 0x02}},
      {16384, {0x80, 0x80, 0x01}},
      {kUvarintMax, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}},
  };
  for (const auto& [value, bytes] : examples) {
    base::Bytes encoded;
    append_uvarint(encoded, value);
    EXPECT_EQ(encoded, bytes);
    EXPECT_EQ(uvarint_size(value), bytes.size());
    const auto decoded = read_uvarint(bytes);
    ASSERT_TRUE(decoded) << value;
    EXPECT_EQ(decoded->value, value);
    EXPECT_EQ(decoded->size, bytes.size());
  }
}

TEST(VarintTest, ReadsOnlyItsOwnBytes) {
  const auto read = read_uvarint(base::Bytes{0xac, 0x02, 0xff, 0xff});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->value, 300u);
  EXPECT_EQ(read->size, 2u);
}

TEST(VarintTest, AnUnfinishedVarintIsIncompleteNotWrong) {
  EXPECT_EQ(read_uvarint({}).error(), Errc::kIncomplete);
  EXPECT_EQ(read_uvarint(base::Bytes{0x80}).error(), Errc::kIncomplete);
  EXPECT_EQ(read_uvarint(base::Bytes(8, 0xff)).error(), Errc::kIncomplete);
}

TEST(VarintTest, MoreThanNineBytesAreRefused) {
  EXPECT_EQ(read_uvarint(base::Bytes(9, 0xff)).error(), Errc::kVarintTooLong);
  EXPECT_EQ(read_uvarint(base::Bytes(20, 0x80)).error(), Errc::kVarintTooLong);
}

TEST(VarintTest, ALongerEncodingThanNeededIsRefused) {
  EXPECT_EQ(read_uvarint(base::Bytes{0x80, 0x00}).error(), Errc::kVarintNotMinimal);
  EXPECT_EQ(read_uvarint(base::Bytes{0xff, 0x80, 0x00}).error(), Errc::kVarintNotMinimal);
}

}  // namespace
}  // namespace multiformats
