// The bits against what the formats say, in double precision and by searching.
#include "codec/scalar.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace kvp2p::coding {
namespace {

/// A small float's value from its definition. No infinities, no NaN.
double value_of(std::uint32_t code, int exponent_bits, int mantissa_bits) {
  const std::uint32_t mantissa = code & ((1u << mantissa_bits) - 1);
  const auto exponent = static_cast<int>(code >> mantissa_bits & ((1u << exponent_bits) - 1));
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const double magnitude = exponent == 0
                               ? std::ldexp(mantissa, 1 - bias - mantissa_bits)
                               : std::ldexp(mantissa + (1u << mantissa_bits), exponent - bias - mantissa_bits);
  return code >> (exponent_bits + mantissa_bits) & 1 ? -magnitude : magnitude;
}

double half(std::uint32_t code) { return value_of(code, 5, 10); }
double e4m3(std::uint32_t code) { return value_of(code, 4, 3); }

/// Nearest of the codes 0 to `top`, ties to even, by binary search; then the sign.
template <class Value>
std::uint32_t nearest_code(double wanted, std::uint32_t top, std::uint32_t sign, Value value) {
  const std::uint32_t signed_bits = std::signbit(wanted) ? sign : 0;
  const double magnitude = std::fabs(wanted);
  if (magnitude >= value(top)) return top | signed_bits;
  std::uint32_t low = 0, high = top;
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    (value(middle) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - value(low), above = value(high) - magnitude;
  if (below == above) return (low % 2 == 0 ? low : high) | signed_bits;
  return (below < above ? low : high) | signed_bits;
}

std::vector<float> interesting() {
  std::vector<float> values = {0.F,      -0.F,  0x1p-149F, 0x1p-126F, 0x1p-25F, 0x1.8p-25F, 0x1p-24F,
                               0x1p-14F, 448.F, 464.F,     1e9F,      -1e9F,    65504.F,    65519.996F,
                               65520.F,  1e30F, -448.F,    0x1p-9F,   0x1p-10F, 0x1.8p-10F};
  std::mt19937 random(1);
  std::uniform_real_distribution<float> exponent(-30, 20), sign(-1, 1);
  for (int i = 0; i < 200000; ++i) values.push_back(std::copysign(std::exp2(exponent(random)), sign(random)));
  for (std::uint32_t code = 0; code < 0x7bff; ++code)
    values.push_back(static_cast<float>((half(code) + half(code + 1)) / 2));
  for (std::uint32_t code = 0; code < 0x7e; ++code)
    values.push_back(static_cast<float>((e4m3(code) + e4m3(code + 1)) / 2));
  return values;
}

TEST(ScalarTest, HalvesMeanWhatTheyAre) {
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    const float value = f32_from_f16(static_cast<std::uint16_t>(code));
    if ((code & 0x7c00) != 0x7c00) {
      ASSERT_EQ(value, half(code)) << code;
      ASSERT_EQ(std::signbit(value), code >> 15 != 0) << code;
      ASSERT_EQ(f16_from_f32(value), code);
    } else {
      ASSERT_EQ(std::isinf(value), (code & 0x3ff) == 0) << code;
      ASSERT_EQ(std::isnan(value), (code & 0x3ff) != 0) << code;
    }
  }
}

TEST(ScalarTest, HalvesAreTheNearest) {
  for (const float value : interesting()) {
    ASSERT_EQ(f16_from_f32(value), nearest_code(value, 0x7bff, 0x8000, half)) << value;
  }
}

TEST(ScalarTest, ScalesAreTheNextHalfUpwards) {
  for (const float signed_value : interesting()) {
    const float value = std::fabs(signed_value);
    const std::uint16_t scale = scale_from_f32(value);
    if (value > 65504) {
      ASSERT_FALSE(is_sound_scale(scale)) << value;
      continue;
    }
    ASSERT_TRUE(is_sound_scale(scale));
    ASSERT_GE(half(scale), value);
    if (scale > 0) {
      ASSERT_LT(half(scale - 1), value);
    }
  }
}

TEST(ScalarTest, NoSoundScaleForWhatIsNotFinite) {
  for (const float largest : {kInt8Largest, kInt4Largest, kFp8Largest}) {
    EXPECT_FALSE(is_sound_scale(scale_of(bits_of(std::numeric_limits<float>::infinity()), largest)));
    EXPECT_FALSE(is_sound_scale(scale_of(bits_of(std::numeric_limits<float>::quiet_NaN()), largest)));
    EXPECT_FALSE(is_sound_scale(scale_of(bits_of(65505 * largest), largest)));
    EXPECT_TRUE(is_sound_scale(scale_of(bits_of(65504 * largest), largest)));
    EXPECT_EQ(scale_of(0, largest), 0);
    EXPECT_EQ(scale_of(bits_of(0x1p-100F), largest), 1) << "the smallest, but not 0";
  }
  for (const std::uint16_t scale : {0x7c00, 0x7e00, 0x8000, 0x8001, 0xfc00, 0xffff}) {
    EXPECT_FALSE(is_sound_scale(scale));
  }
}

TEST(ScalarTest, Bfloat16) {
  for (std::uint32_t code = 0; code < 0x10000; ++code) {
    const float value = f32_from_bf16(static_cast<std::uint16_t>(code));
    if (std::isfinite(value)) {
      ASSERT_EQ(bf16_from_f32(value), code);
    }
  }
  EXPECT_EQ(bf16_from_f32(0x1.01p0F), 0x3f80) << "a tie, to even";
  EXPECT_EQ(bf16_from_f32(0x1.03p0F), 0x3f82) << "a tie, to even";
  EXPECT_EQ(bf16_from_f32(0x1.010002p0F), 0x3f81);
}

TEST(ScalarTest, Fp8CodesAreTheNearest) {
  for (std::uint32_t code = 0; code < 0x100; ++code) {
    const float value = f32_from_e4m3(static_cast<std::uint8_t>(code));
    ASSERT_EQ(value, e4m3(code)) << code;
    if ((code & 0x7f) != 0x7f) {
      ASSERT_EQ(e4m3_from_f32(value), code);
    }
  }
  for (const float value : interesting()) {
    ASSERT_EQ(e4m3_from_f32(value), nearest_code(value, 0x7e, 0x80, e4m3)) << value;
  }
}

TEST(ScalarTest, WholeNumbersAreTheNearest) {
  for (int twice = -260; twice <= 260; ++twice) {
    EXPECT_EQ(nearest(static_cast<float>(twice) / 2), static_cast<int>(std::nearbyint(twice / 2.0))) << twice;
  }
  EXPECT_EQ(whole_from_f32(1270.1F, 10, 127), 127);
  EXPECT_EQ(whole_from_f32(-1300, 10, 127), -127);
  EXPECT_EQ(whole_from_f32(-8, 1, 7), -7);
}

}  // namespace
}  // namespace kvp2p::coding
