// Conversions against a reference that searches for the nearest value instead of computing it.
#include "gpu/cuda/kvcache_gpu_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace kvp2p::testing {

namespace {

using Bytes = std::vector<std::uint8_t>;

struct Type {
  kvc_element element;
  const char* name;
  std::size_t bytes;
  int exponent_bits, mantissa_bits;
};

constexpr Type kTypes[] = {
    {KVC_F32, "f32", 4, 8, 23}, {KVC_F16, "f16", 2, 5, 10}, {KVC_BF16, "bf16", 2, 8, 7}, {KVC_F8_E4M3, "f8", 1, 4, 3}};

/// What the bits mean, straight from the formats' definition. e4m3 has no infinity and one NaN a sign.
double decode(const Type& type, std::uint32_t bits) {
  const int m = type.mantissa_bits;
  const std::uint32_t mantissa = bits & ((1u << m) - 1);
  const auto exponent = static_cast<int>(bits >> m & ((1u << type.exponent_bits) - 1));
  const bool negative = bits >> (m + type.exponent_bits) & 1;
  const int bias = (1 << (type.exponent_bits - 1)) - 1;
  const int top = (1 << type.exponent_bits) - 1;
  double value = 0;
  if (type.element == KVC_F8_E4M3 ? exponent == top && mantissa == 7 : exponent == top && mantissa != 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (type.element != KVC_F8_E4M3 && exponent == top) {
    value = std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    value = std::ldexp(mantissa, 1 - bias - m);
  } else {
    value = std::ldexp(mantissa + (1u << m), exponent - bias - m);
  }
  return negative ? -value : value;
}

/// Nearest, ties to even, by binary search among the non-negative values, which are in the order of their bits.
std::uint32_t encode(const Type& type, float value) {
  const int magnitude_bits = type.exponent_bits + type.mantissa_bits;
  const std::uint32_t sign = std::signbit(value) ? 1u << magnitude_bits : 0;
  const bool f8 = type.element == KVC_F8_E4M3;
  const double magnitude = std::fabs(static_cast<double>(value));
  const std::uint32_t infinity = ((1u << type.exponent_bits) - 1) << type.mantissa_bits;
  const std::uint32_t largest = f8 ? 0x7e : infinity - 1;
  if (std::isinf(magnitude)) return sign | (f8 ? largest : infinity);
  std::uint32_t low = 0;
  std::uint32_t high = largest;
  if (magnitude >= decode(type, largest)) {
    if (f8) return sign | largest;
    // Beyond the largest by half a step or more it is infinity.
    const double half_step = (decode(type, largest) - decode(type, largest - 1)) / 2;
    return sign | (magnitude >= decode(type, largest) + half_step ? infinity : largest);
  }
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    (decode(type, middle) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - decode(type, low);
  const double above = decode(type, high) - magnitude;
  if (below < above) return sign | low;
  if (above < below) return sign | high;
  return sign | (low % 2 == 0 ? low : high);
}

std::uint32_t load(const Bytes& bytes, std::size_t index, std::size_t width) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + index * width, width);
  return value;
}

/// Every value of the 8 and 16 bit types; of f32 the edges of the others and random bits.
Bytes inputs(const Type& from, bool quick, std::mt19937& random) {
  std::vector<std::uint32_t> values;
  if (from.bytes < 4) {
    for (std::uint32_t i = 0; i < 1u << (8 * from.bytes); ++i) values.push_back(i);
  } else {
    for (const Type& type : kTypes) {
      for (int i = 0; i < (quick ? 500 : 20000); ++i) {
        const std::uint32_t limit = type.bytes == 4 ? 0xffffffffu : (1u << (8 * type.bytes)) - 1;
        const auto value = static_cast<float>(decode(type, static_cast<std::uint32_t>(random()) & limit));
        const auto next = static_cast<float>(decode(type, static_cast<std::uint32_t>(random()) & limit));
        for (const float f : {value, (value + next) / 2, std::nextafter(value, next), value * 1.0625F}) {
          std::uint32_t bits = 0;
          std::memcpy(&bits, &f, sizeof bits);
          values.push_back(bits);
        }
      }
      // Halves of neighbouring values are the ties.
      for (std::uint32_t i = 0; type.bytes < 4 && i < (type.bytes == 1 ? 0x7eu : 2000u); ++i) {
        const auto tie = static_cast<float>((decode(type, i) + decode(type, i + 1)) / 2);
        for (const float f : {tie, -tie, std::nextafter(tie, 1e30F), std::nextafter(tie, 0.F)}) {
          std::uint32_t bits = 0;
          std::memcpy(&bits, &f, sizeof bits);
          values.push_back(bits);
        }
      }
    }
    for (const std::uint32_t bits : {0u, 0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00001u, 0x7f7fffffu,
                                     0x477fefffu, 0x477ff000u, 0x43e00000u, 0x43e80000u, 1u, 0x007fffffu}) {
      values.push_back(bits);
    }
  }
  values.push_back(values.front());  // an odd count
  Bytes bytes(values.size() * from.bytes);
  for (std::size_t i = 0; i < values.size(); ++i) std::memcpy(bytes.data() + i * from.bytes, &values[i], from.bytes);
  return bytes;
}

void check_pair(const GpuTest& test, const Type& from, const Type& to, float scale, std::size_t shift,
                std::mt19937& random) {
  const std::string what = std::string(from.name) + " to " + to.name + " scale " + std::to_string(scale);
  const Bytes in = inputs(from, test.quick, random);
  const std::size_t count = in.size() / from.bytes;
  Guarded source(Guarded::Kind::kDevice, in.size(), shift * from.bytes);
  Guarded target(Guarded::Kind::kDevice, count * to.bytes, shift * to.bytes);
  source.write(in);
  if (!good(kvc_convert(0, from.element, source.start(), to.element, target.start(), count, scale, test.stream),
            what)) {
    return;
  }
  const Bytes out = target.read(test.stream, what);
  if (from.element == to.element) return expect_equal(out, in, what);
  std::size_t wrong = 0;
  std::string first;
  for (std::size_t i = 0; i < count; ++i) {
    auto value = static_cast<float>(decode(from, load(in, i, from.bytes)));
    if (from.element == KVC_F8_E4M3) value *= scale;
    if (to.element == KVC_F8_E4M3) value /= scale;
    const std::uint32_t got = load(out, i, to.bytes);
    const bool right = std::isnan(value) ? std::isnan(decode(to, got)) : got == encode(to, value);
    if (right) continue;
    if (wrong++ == 0) {
      char text[128];
      std::snprintf(text, sizeof text, "element %zu (%g): %x, not %x", i, static_cast<double>(value), got,
                    std::isnan(value) ? 0x7f : encode(to, value));
      first = text;
    }
  }
  groups().expect(wrong == 0,
                  what + ": " + std::to_string(wrong) + " of " + std::to_string(count) + ", first " + first);
}

}  // namespace

void run_convert_groups(const GpuTest& test) {
  groups().run("convert", [&] {
    std::mt19937 random(31);
    for (const Type& from : kTypes) {
      for (const Type& to : kTypes) {
        const bool scaled = from.element == KVC_F8_E4M3 || to.element == KVC_F8_E4M3;
        check_pair(test, from, to, 1, 0, random);
        check_pair(test, from, to, 1, 1, random);  // one element off: no wide loads
        if (scaled) check_pair(test, from, to, 0.037F, 0, random);
        if (scaled) check_pair(test, from, to, 32, 0, random);
      }
    }
    float f = 0;
    groups().expect(kvc_convert(0, KVC_F32, &f, static_cast<kvc_element>(9), &f, 1, 1, nullptr) == KVC_ERROR_ARGUMENT,
                    "no such type");
    groups().expect(kvc_convert(0, KVC_F32, &f, KVC_F16, &f, 1, 0, nullptr) == KVC_ERROR_ARGUMENT, "scale 0");
  });
}

}  // namespace kvp2p::testing
