#include "codec/testing/rows.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace kvp2p::testing {

namespace {

double half(std::uint16_t code) {
  const int exponent = code >> 10 & 31;
  return exponent == 0 ? std::ldexp(code & 1023, -24) : std::ldexp((code & 1023) + 1024, exponent - 25);
}

/// The least half that is not below.
std::uint16_t half_upwards(double value) {
  std::uint16_t low = 0, high = 0x7bff;
  while (low < high) {
    const auto middle = static_cast<std::uint16_t>((low + high) / 2);
    half(middle) >= value ? high = middle : low = static_cast<std::uint16_t>(middle + 1);
  }
  return low;
}

double fp8(std::uint8_t code) {
  const int exponent = code >> 3 & 15;
  return exponent == 0 ? std::ldexp(code & 7, -9) : std::ldexp((code & 7) + 8, exponent - 10);
}

std::uint8_t nearest_fp8(float value) {
  const double magnitude = std::fabs(static_cast<double>(value));
  std::uint8_t best = 0;
  for (std::uint8_t code = 1; code <= 0x7e; ++code) {
    const double was = std::fabs(fp8(best) - magnitude), is = std::fabs(fp8(code) - magnitude);
    if (is < was || (is == was && code % 2 == 0)) best = code;
  }
  return static_cast<std::uint8_t>(best | (std::signbit(value) ? 0x80 : 0));
}

std::uint8_t code_of(Codec codec, float value, float scale) {
  if (scale == 0) return 0;
  const float quotient = value / scale;
  if (codec == Codec::kFp8) return nearest_fp8(quotient);
  const double limit = codec == Codec::kInt8 ? 127 : 7;
  const double whole = std::clamp(std::nearbyint(static_cast<double>(quotient)), -limit, limit);
  return static_cast<std::uint8_t>(static_cast<int>(whole) & (codec == Codec::kInt8 ? 255 : 15));
}

}  // namespace

float element_at(const CodedShape& shape, base::ConstBytes engine, std::size_t index) {
  if (shape.element == ElementType::kF32) {
    float value = 0;
    std::memcpy(&value, engine.data() + index * 4, 4);
    return value;
  }
  std::uint16_t bits = 0;
  std::memcpy(&bits, engine.data() + index * 2, 2);
  if (shape.element == ElementType::kBf16) {
    const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
    float value = 0;
    std::memcpy(&value, &wide, 4);
    return value;
  }
  const double sign = bits >> 15 ? -1 : 1;
  if ((bits & 0x7c00) != 0x7c00) return static_cast<float>(sign * half(bits & 0x7fff));
  return bits & 0x3ff ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(sign) * INFINITY;
}

void set_element(const CodedShape& shape, base::MutableBytes engine, std::size_t index, float value) {
  if (shape.element == ElementType::kF32) {
    std::memcpy(engine.data() + index * 4, &value, 4);
    return;
  }
  std::uint32_t wide = 0;
  std::memcpy(&wide, &value, 4);
  std::uint16_t bits = 0;
  if (shape.element == ElementType::kBf16) {
    bits = static_cast<std::uint16_t>(wide >> 16);  // towards zero: any value of the type will do
    if (std::isnan(value)) bits |= 0x40;
  } else if (!std::isfinite(value)) {
    bits = static_cast<std::uint16_t>((wide >> 16 & 0x8000) | (std::isnan(value) ? 0x7e00 : 0x7c00));
  } else {
    bits = half_upwards(std::fabs(static_cast<double>(value)));
    bits |= std::signbit(value) ? 0x8000 : 0;
  }
  std::memcpy(engine.data() + index * 2, &bits, 2);
}

base::Bytes random_rows(const CodedShape& shape, std::size_t slices, float spread, std::mt19937& random) {
  base::Bytes engine(slices * shape.engine_bytes());
  std::normal_distribution<float> normal(0, 1);
  float factor = spread;
  for (std::size_t i = 0; i < engine.size() / element_bytes(shape.element); ++i) {
    if (i % 16 == 0) {
      const unsigned kind = random() % 8;
      factor = kind == 0 ? 0 : kind == 1 ? spread * 30 : kind == 2 ? spread / 1000 : spread;
    }
    set_element(shape, engine, i, normal(random) * factor);
  }
  return engine;
}

base::Bytes coded_by_definition(const CodedShape& shape, base::ConstBytes engine) {
  const double largest = shape.codec == Codec::kInt8 ? 127 : shape.codec == Codec::kFp8 ? 448 : 7;
  const std::uint32_t group = group_elements(shape.codec);
  base::Bytes coded;
  for (std::size_t row = 0; row < engine.size() / shape.engine_bytes() * shape.rows; row += shape.rows) {
    base::Bytes packed;
    for (std::size_t r = row; r < row + shape.rows; ++r) {
      base::Bytes codes;
      for (std::uint32_t first = 0; first < shape.head_dim; first += group) {
        const std::uint32_t end = std::min(first + group, shape.head_dim);
        float magnitude = 0;
        const auto at = [&](std::uint32_t dim) { return element_at(shape, engine, r * shape.head_dim + dim); };
        for (std::uint32_t dim = first; dim < end; ++dim) magnitude = std::max(magnitude, std::fabs(at(dim)));
        const std::uint16_t scale = half_upwards(static_cast<double>(magnitude / static_cast<float>(largest)));
        coded.push_back(static_cast<std::uint8_t>(scale));
        coded.push_back(static_cast<std::uint8_t>(scale >> 8));
        for (std::uint32_t dim = first; dim < end; ++dim) {
          codes.push_back(code_of(shape.codec, at(dim), static_cast<float>(half(scale))));
        }
      }
      if (shape.codec != Codec::kInt4) {
        packed.insert(packed.end(), codes.begin(), codes.end());
        continue;
      }
      codes.resize((codes.size() + 1) / 2 * 2);
      for (std::size_t i = 0; i < codes.size(); i += 2) {
        packed.push_back(static_cast<std::uint8_t>(codes[i] | codes[i + 1] << 4));
      }
    }
    coded.insert(coded.end(), packed.begin(), packed.end());
  }
  return coded;
}

}  // namespace kvp2p::testing
