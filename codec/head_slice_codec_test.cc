#include "codec/head_slice_codec.h"

#include "codec/scalar.h"
#include "codec/testing/rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace kvp2p {
namespace {

using testing::coded_by_definition;
using testing::element_at;
using testing::random_rows;

constexpr Codec kCodecs[] = {Codec::kInt8, Codec::kFp8, Codec::kInt4};
constexpr ElementType kElements[] = {ElementType::kF32, ElementType::kF16, ElementType::kBf16};
constexpr std::uint32_t kHeadDims[] = {1, 2, 7, 31, 32, 33, 63, 64, 65, 80, 96, 127, 128, 192, 256, 576};

template <class Call>
void for_each_shape(Call call) {
  for (const Codec codec : kCodecs) {
    for (const ElementType element : kElements) {
      for (const std::uint32_t head_dim : kHeadDims) {
        const CodedShape shape{codec, element, head_dim, 32};
        SCOPED_TRACE(std::string(name_of(codec)) + " of " + std::string(name_of(element)) + ", head_dim " +
                     std::to_string(head_dim));
        call(shape);
      }
    }
  }
}

base::Bytes encode(const CodedShape& shape, const base::Bytes& engine) {
  base::Bytes coded(engine.size() / shape.engine_bytes() * shape.coded_bytes());
  encode_head_slices(shape, engine, coded);
  return coded;
}

base::Bytes decode(const CodedShape& shape, const base::Bytes& coded) {
  base::Bytes engine(coded.size() / shape.coded_bytes() * shape.engine_bytes());
  decode_head_slices(shape, coded, engine);
  return engine;
}

TEST(HeadSliceCodecTest, BytesAreThoseOfTheDefinition) {
  std::mt19937 random(1);
  for_each_shape([&](const CodedShape& shape) {
    for (const float spread : {1e-6F, 1.F, 300.F}) {
      const base::Bytes engine = random_rows(shape, 3, spread, random);
      ASSERT_EQ(encode(shape, engine), coded_by_definition(shape, engine)) << spread;
    }
  });
}

/// docs/codecs.md, "Error": half a step of a whole number; an eighth of a power of two of fp8, of which the lowest is
/// 2^-6.
double bound(Codec codec, double scale, double magnitude, ElementType element) {
  const double rounding =
      element == ElementType::kF32 ? 0 : magnitude * (element == ElementType::kF16 ? 0x1p-11 : 0x1p-8);
  const double step = codec == Codec::kFp8 ? std::max(magnitude * 0x1p-4, scale * 0x1p-10) : scale * (0.5 + 0x1p-15);
  return step * (1 + 0x1p-7) + rounding + 0x1p-24;
}

TEST(HeadSliceCodecTest, NoElementIsFurtherOffThanItsGroupAllows) {
  std::mt19937 random(2);
  for_each_shape([&](const CodedShape& shape) {
    const base::Bytes engine = random_rows(shape, 2, 40, random);
    const base::Bytes coded = encode(shape, engine);
    EXPECT_TRUE(is_sound(shape, coded));
    const base::Bytes back = decode(shape, coded);
    const std::size_t groups = groups_of_row(shape.codec, shape.head_dim);
    for (std::size_t i = 0; i < engine.size() / element_bytes(shape.element); ++i) {
      const std::size_t row = i / shape.head_dim;
      const std::size_t slice = row / shape.rows;
      const std::size_t group = row % shape.rows * groups + i % shape.head_dim / group_elements(shape.codec);
      std::uint16_t scale = 0;
      std::memcpy(&scale, coded.data() + slice * shape.coded_bytes() + group * kScaleBytes, sizeof scale);
      const double was = element_at(shape, engine, i), is = element_at(shape, back, i);
      ASSERT_LE(std::fabs(was - is), bound(shape.codec, coding::f32_from_f16(scale), std::fabs(was), shape.element))
          << "element " << i << ": " << was << " became " << is;
    }
  });
}

TEST(HeadSliceCodecTest, ZeroesStayZeroes) {
  for_each_shape([](const CodedShape& shape) {
    const base::Bytes zeroes(shape.engine_bytes(), 0);
    EXPECT_EQ(encode(shape, zeroes), base::Bytes(shape.coded_bytes(), 0));
    EXPECT_EQ(decode(shape, base::Bytes(shape.coded_bytes(), 0)), zeroes);
  });
}

TEST(HeadSliceCodecTest, OneValueThatIsNotFiniteMakesTheSliceUnsound) {
  std::mt19937 random(3);
  for_each_shape([&](const CodedShape& shape) {
    for (const float bad : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(),
                            -std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::quiet_NaN()}) {
      base::Bytes engine = random_rows(shape, 2, 1, random);
      const std::size_t at = random() % (engine.size() / element_bytes(shape.element));
      testing::set_element(shape, engine, at, bad);
      EXPECT_FALSE(is_sound(shape, encode(shape, engine))) << bad << " at " << at;
    }
  });
}

TEST(HeadSliceCodecTest, LargestHalvesStayFinite) {
  for (const Codec codec : kCodecs) {
    const CodedShape shape{codec, ElementType::kF16, 64, 16};
    base::Bytes engine(shape.engine_bytes());
    for (std::size_t i = 0; i < shape.rows * shape.head_dim; ++i)
      testing::set_element(shape, engine, i, i % 2 ? 65504.F : -65504.F);
    const base::Bytes coded = encode(shape, engine);
    EXPECT_TRUE(is_sound(shape, coded));
    EXPECT_EQ(decode(shape, coded), engine);
  }
}

TEST(HeadSliceCodecTest, AnyBytesWithSoundScalesDecodeToFiniteNumbers) {
  std::mt19937 random(4);
  for_each_shape([&](const CodedShape& shape) {
    base::Bytes coded(shape.coded_bytes());
    for (auto& byte : coded) byte = static_cast<std::uint8_t>(random());
    const std::size_t scales = shape.rows * groups_of_row(shape.codec, shape.head_dim);
    for (std::size_t i = 0; i < scales; ++i) {
      const std::uint16_t scale = random() % 0x7c00;
      std::memcpy(coded.data() + i * kScaleBytes, &scale, sizeof scale);
    }
    ASSERT_TRUE(is_sound(shape, coded));
    const base::Bytes engine = decode(shape, coded);
    for (std::size_t i = 0; i < shape.rows * shape.head_dim; ++i)
      ASSERT_TRUE(std::isfinite(element_at(shape, engine, i))) << i;
    // And one bad scale is found, wherever it is.
    const std::uint16_t bad = 0x7c00 + random() % 0x8400;
    std::memcpy(coded.data() + random() % scales * kScaleBytes, &bad, sizeof bad);
    EXPECT_FALSE(is_sound(shape, coded)) << bad;
  });
}

TEST(HeadSliceCodecTest, NothingIsUnsoundUncoded) {
  EXPECT_TRUE(is_sound({Codec::kNone, ElementType::kBf16, 64, 32}, base::Bytes(64 * 32 * 2, 0xff)));
}

/// The example of docs/codecs.md.
TEST(HeadSliceCodecTest, WorkedExample) {
  const auto coded = [](Codec codec) {
    const CodedShape shape{codec, ElementType::kF32, 5, 1};
    base::Bytes engine(shape.engine_bytes());
    const float values[] = {1.F, -2.F, 0.F, 0.5F, 3.F};
    std::memcpy(engine.data(), values, sizeof values);
    return base::to_hex(encode(shape, engine));
  };
  EXPECT_EQ(coded(Codec::kInt8), "0d262aab00157f");
  EXPECT_EQ(coded(Codec::kFp8), "dc1e71f900697e");
  EXPECT_EQ(coded(Codec::kInt4), "dc36b21007");
}

}  // namespace
}  // namespace kvp2p
