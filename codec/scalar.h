// The arithmetic of one element and of one group's scale (docs/codecs.md), bit for bit the same on processors and GPUs:
// IEEE single precision, one operation at a time, and whole numbers. C++17, for nvcc too.
#pragma once

#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define KVP2P_BOTH __host__ __device__ __forceinline__
#else
#define KVP2P_BOTH inline __attribute__((always_inline))
#endif

namespace kvp2p::coding {

/// A scale that no group has: its slice must not be used. Written where a group has a value that is not finite, or one
/// too large for a half as its scale.
constexpr std::uint16_t kUnsoundScale = 0x7e00;
constexpr std::uint32_t kNotFinite = 0x7f800000;
constexpr std::uint32_t kMagnitude = 0x7fffffff;

constexpr float kInt8Largest = 127.0F;
constexpr float kInt4Largest = 7.0F;
constexpr float kFp8Largest = 448.0F;

KVP2P_BOTH std::uint32_t bits_of(float value) {
#ifdef __CUDA_ARCH__
  return __float_as_uint(value);
#else
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
#endif
}

KVP2P_BOTH float float_of(std::uint32_t bits) {
#ifdef __CUDA_ARCH__
  return __uint_as_float(bits);
#else
  float value = 0;
  std::memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

/// Never a reciprocal, whatever the compiler was told.
KVP2P_BOTH float divide(float a, float b) {
#ifdef __CUDA_ARCH__
  return __fdiv_rn(a, b);
#else
  return a / b;
#endif
}

// Halves: scales and elements ---------------------------------------------------------------------------------------

KVP2P_BOTH float f32_from_f16(std::uint16_t half) {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(half & 0x7fffu) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  // Exponent and mantissa stand 112 powers of two too low; a power of two multiplies exactly, subnormals too.
  const float finite = float_of(magnitude) * 0x1p112F;
  const std::uint32_t bits = magnitude >= 0x0f800000 ? (magnitude | kNotFinite) : bits_of(finite);
  return float_of(bits | sign);
}

/// To nearest, ties to even; beyond the largest half, the largest. REQUIRES: finite.
KVP2P_BOTH std::uint16_t f16_from_f32(float value) {
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000u;
  std::uint32_t magnitude = bits & kMagnitude;
  magnitude = magnitude < 0x477fe000 ? magnitude : 0x477fe000;  // 65504
  // Subnormal halves are multiples of 2^-24, as are the floats from 0.5 on.
  const std::uint32_t low = bits_of(float_of(magnitude) + 0.5F) - 0x3f000000;
  const std::uint32_t high = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  return static_cast<std::uint16_t>((magnitude < 0x38800000 ? low : high) | sign);
}

/// Upwards, so that no element is more than `largest` scales. REQUIRES: not negative.
KVP2P_BOTH std::uint16_t scale_from_f32(float value) {
  const std::uint32_t bits = bits_of(value);
  if (bits > 0x477fe000) return kUnsoundScale;
  if (bits < 0x38800000) {
    const float steps = value * 0x1p24F;
    const auto whole = static_cast<std::uint32_t>(steps);
    return static_cast<std::uint16_t>(whole + (static_cast<float>(whole) < steps ? 1 : 0));
  }
  return static_cast<std::uint16_t>((bits - 0x38000000 + 0x1fff) >> 13);
}

/// Of a group whose largest magnitude has these bits.
KVP2P_BOTH std::uint16_t scale_of(std::uint32_t magnitude_bits, float largest) {
  if (magnitude_bits >= kNotFinite) return kUnsoundScale;
  return scale_from_f32(divide(float_of(magnitude_bits), largest));
}

/// Not negative and finite.
KVP2P_BOTH bool is_sound_scale(std::uint16_t scale) { return scale < 0x7c00; }

// Bfloat16 ------------------------------------------------------------------------------------------------------------

KVP2P_BOTH float f32_from_bf16(std::uint16_t bits) { return float_of(static_cast<std::uint32_t>(bits) << 16); }

/// To nearest, ties to even. REQUIRES: at most 2^127.
KVP2P_BOTH std::uint16_t bf16_from_f32(float value) {
  const std::uint32_t bits = bits_of(value);
  return static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// Coded elements ------------------------------------------------------------------------------------------------------

/// To the nearest whole number, ties to even. REQUIRES: |value| < 2^22.
KVP2P_BOTH std::int32_t nearest(float value) {
  // 1.5 * 2^23: from there on floats are whole numbers, and the low bits are the number.
  return static_cast<std::int32_t>(bits_of(value + 12582912.0F)) - 0x4b400000;
}

/// What `value` is in scales, as a whole number in [-limit, limit]. REQUIRES: scale > 0, made of a group with `value`.
KVP2P_BOTH std::int32_t whole_from_f32(float value, float scale, std::int32_t limit) {
  const std::int32_t whole = nearest(divide(value, scale));
  return whole > limit ? limit : whole < -limit ? -limit : whole;
}

/// OCP e4m3fn to nearest, ties to even; beyond 448, 448. REQUIRES: finite.
KVP2P_BOTH std::uint8_t e4m3_from_f32(float value) {
  const std::uint32_t bits = bits_of(value);
  const std::uint32_t sign = (bits >> 24) & 0x80u;
  std::uint32_t magnitude = bits & kMagnitude;
  magnitude = magnitude < 0x43e00000 ? magnitude : 0x43e00000;  // 448
  // Subnormals are multiples of 2^-9, as are the floats from 2^14 on.
  const std::uint32_t low = bits_of(float_of(magnitude) + 16384.0F) - 0x46800000;
  const std::uint32_t high = (magnitude - 0x3c000000 + 0x7ffff + ((magnitude >> 20) & 1)) >> 20;
  return static_cast<std::uint8_t>((magnitude < 0x3c800000 ? low : high) | sign);
}

/// The two codes for NaN, which no encoder writes, are read as 480 and -480.
KVP2P_BOTH float f32_from_e4m3(std::uint8_t code) {
  const float magnitude = float_of(static_cast<std::uint32_t>(code & 0x7fu) << 20) * 0x1p120F;
  return float_of(bits_of(magnitude) | static_cast<std::uint32_t>(code & 0x80u) << 24);
}

}  // namespace kvp2p::coding
