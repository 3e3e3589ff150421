#include "kv/object_format.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

// SmolLM2-135M in f32.
ObjectFormat small() {
  ObjectFormat format;
  format.element = ElementType::kF32;
  format.head_dim = 64;
  format.shard = {0, 30, 0, 3};
  return format;
}

TEST(ObjectFormatTest, SizesFollowFromTheFields) {
  const ObjectFormat format = small();
  ASSERT_TRUE(format.is_valid());
  EXPECT_EQ(format.head_slice_bytes(), 2u * 16 * 64 * 4);
  EXPECT_EQ(format.layer_slice_bytes(), 3 * format.head_slice_bytes());
  EXPECT_EQ(format.block_bytes(), 30 * format.layer_slice_bytes());
  EXPECT_EQ(format.leaf_count(), 90u);
}

TEST(ObjectFormatTest, AnMlaLatentIsOnePlane) {
  ObjectFormat format;
  format.element = ElementType::kBf16;
  format.planes = 1;
  format.head_dim = 576;
  format.shard = {0, 61, 0, 1};
  EXPECT_TRUE(format.is_valid());
  EXPECT_EQ(format.layer_slice_bytes(), 18u << 10);
}

TEST(ObjectFormatTest, CodedSizesCountScalesAndPackedElements) {
  ObjectFormat format = small();
  format.element = ElementType::kBf16;
  format.head_dim = 128;
  const std::size_t engine = format.head_slice_bytes();
  const auto coded = [&](Codec codec, std::uint32_t head_dim) {
    format.codec = codec;
    format.head_dim = head_dim;
    EXPECT_TRUE(format.is_valid());
    return format.head_slice_bytes();
  };
  EXPECT_EQ(coded(Codec::kInt8, 128), 32u * (2 * 2 + 128));
  EXPECT_EQ(coded(Codec::kFp8, 128), 32u * (2 * 2 + 128));
  EXPECT_EQ(coded(Codec::kInt4, 128), 32u * (4 * 2 + 64));
  EXPECT_EQ(format.engine_head_slice_bytes(), engine);
  // Short last groups, and a row of an odd number of nibbles.
  EXPECT_EQ(coded(Codec::kInt8, 65), 32u * (2 * 2 + 65));
  EXPECT_EQ(coded(Codec::kInt4, 33), 32u * (2 * 2 + 17));
  format.element = ElementType::kF8E4m3;
  EXPECT_FALSE(format.is_valid()) << "fp8 elements are small already";
}

TEST(ObjectFormatTest, ACodecIsAnotherEncoding) {
  ObjectFormat coded = small();
  coded.codec = Codec::kInt8;
  EXPECT_FALSE(small().same_encoding(coded));
  EXPECT_EQ(codec_from_name("int4"), Codec::kInt4);
  EXPECT_FALSE(codec_from_name("int5"));
  for (const Codec codec : {Codec::kNone, Codec::kInt8, Codec::kFp8, Codec::kInt4}) {
    EXPECT_EQ(codec_from_name(name_of(codec)), codec);
    EXPECT_EQ(codec_from_id(static_cast<std::uint64_t>(codec)), codec);
  }
}

TEST(ObjectFormatTest, FieldsOutOfBoundsAreInvalid) {
  const auto with = [](auto change) {
    ObjectFormat format = small();
    change(format);
    return format.is_valid();
  };
  EXPECT_FALSE(with([](auto& f) { f.element = static_cast<ElementType>(0); }));
  EXPECT_FALSE(with([](auto& f) { f.codec = static_cast<Codec>(4); }));
  EXPECT_FALSE(with([](auto& f) { f.digest = static_cast<DigestAlgorithm>(0); }));
  EXPECT_FALSE(with([](auto& f) { f.planes = 0; }));
  EXPECT_FALSE(with([](auto& f) { f.planes = 3; }));
  EXPECT_FALSE(with([](auto& f) { f.head_dim = 0; }));
  EXPECT_FALSE(with([](auto& f) { f.head_dim = kHeadDimMax + 1; }));
  EXPECT_FALSE(with([](auto& f) { f.shard.layer_end = 0; }));
  EXPECT_TRUE(with([](auto& f) { f.shard.head_end = 512; })) << "exactly kSliceBytesMax";
  EXPECT_FALSE(with([](auto& f) { f.shard.head_end = 513; })) << "over kSliceBytesMax";
  EXPECT_FALSE(with([](auto& f) {
    f.head_dim = kHeadDimMax;
    f.shard = {0, kLayersMax, 0, kHeadsMax};
  }));
}

TEST(ObjectFormatTest, TheEncodingIsAllButTheShard) {
  ObjectFormat other = small();
  other.shard = {0, 15, 1, 2};
  EXPECT_TRUE(small().same_encoding(other));
  other.element = ElementType::kBf16;
  EXPECT_FALSE(small().same_encoding(other));
}

}  // namespace
}  // namespace kvp2p
