#include "codec/head_slice_codec.h"

#include "codec/scalar.h"

#include <cassert>
#include <cstring>

namespace kvp2p {

namespace {

#define KVP2P_INLINE inline __attribute__((always_inline))

constexpr std::uint32_t kGroupMax = 64;

template <ElementType kElement>
KVP2P_INLINE float load(const std::uint8_t* from) {
  if constexpr (kElement == ElementType::kF32) {
    float value = 0;
    std::memcpy(&value, from, sizeof value);
    return value;
  } else {
    std::uint16_t bits = 0;
    std::memcpy(&bits, from, sizeof bits);
    return kElement == ElementType::kF16 ? coding::f32_from_f16(bits) : coding::f32_from_bf16(bits);
  }
}

template <ElementType kElement>
KVP2P_INLINE void store(float value, std::uint8_t* to) {
  if constexpr (kElement == ElementType::kF32) {
    std::memcpy(to, &value, sizeof value);
  } else {
    const std::uint16_t bits =
        kElement == ElementType::kF16 ? coding::f16_from_f32(value) : coding::bf16_from_f32(value);
    std::memcpy(to, &bits, sizeof bits);
  }
}

template <ElementType kElement>
constexpr std::size_t kBytes = kElement == ElementType::kF32 ? 4 : 2;

// `count` is the group's size as a constant wherever the group is whole, so that the loops become vectors.

template <Codec kCodec>
KVP2P_INLINE void pack(const float* values, std::uint32_t count, float scale, std::uint8_t* packed) {
  if constexpr (kCodec == Codec::kInt8) {
    for (std::uint32_t i = 0; i < count; ++i) {
      packed[i] = static_cast<std::uint8_t>(coding::whole_from_f32(values[i], scale, 127));
    }
  } else if constexpr (kCodec == Codec::kFp8) {
    for (std::uint32_t i = 0; i < count; ++i) packed[i] = coding::e4m3_from_f32(coding::divide(values[i], scale));
  } else {
    std::uint8_t nibbles[kGroupMax];
    for (std::uint32_t i = 0; i < count; ++i) {
      nibbles[i] = static_cast<std::uint8_t>(coding::whole_from_f32(values[i], scale, 7) & 15);
    }
    if (count % 2 != 0) nibbles[count] = 0;
    for (std::uint32_t i = 0; i < (count + 1) / 2; ++i) {
      std::uint16_t two = 0;
      std::memcpy(&two, nibbles + 2 * i, sizeof two);
      packed[i] = static_cast<std::uint8_t>(two | two >> 4);
    }
  }
}

template <Codec kCodec>
KVP2P_INLINE void unpack(const std::uint8_t* packed, std::uint32_t count, float scale, float* values) {
  if constexpr (kCodec == Codec::kInt8) {
    for (std::uint32_t i = 0; i < count; ++i) {
      values[i] = static_cast<float>(static_cast<std::int8_t>(packed[i])) * scale;
    }
  } else if constexpr (kCodec == Codec::kFp8) {
    for (std::uint32_t i = 0; i < count; ++i) values[i] = coding::f32_from_e4m3(packed[i]) * scale;
  } else {
    std::uint8_t nibbles[kGroupMax];
    for (std::uint32_t i = 0; i < (count + 1) / 2; ++i) {
      const auto two = static_cast<std::uint16_t>((packed[i] & 0x0f) | (packed[i] & 0xf0) << 4);
      std::memcpy(nibbles + 2 * i, &two, sizeof two);
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      values[i] = static_cast<float>(static_cast<std::int32_t>(nibbles[i] ^ 8) - 8) * scale;
    }
  }
}

template <Codec kCodec>
constexpr float kLargest = kCodec == Codec::kInt8  ? coding::kInt8Largest
                           : kCodec == Codec::kFp8 ? coding::kFp8Largest
                                                   : coding::kInt4Largest;

template <Codec kCodec>
constexpr std::size_t packed_bytes(std::uint32_t count) {
  return kCodec == Codec::kInt4 ? (count + 1) / 2 : count;
}

template <Codec kCodec, ElementType kElement>
KVP2P_INLINE void encode_group(const std::uint8_t* engine, std::uint32_t count, std::uint8_t* scale_to,
                               std::uint8_t* packed) {
  alignas(64) float values[kGroupMax];
  for (std::uint32_t i = 0; i < count; ++i) values[i] = load<kElement>(engine + i * kBytes<kElement>);
  std::uint32_t largest = 0;  // magnitudes are in the order of their bits, what is not finite above all others
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t magnitude = coding::bits_of(values[i]) & coding::kMagnitude;
    largest = largest < magnitude ? magnitude : largest;
  }
  const std::uint16_t scale = coding::scale_of(largest, kLargest<kCodec>);
  std::memcpy(scale_to, &scale, sizeof scale);
  if (scale == 0 || !coding::is_sound_scale(scale)) {
    std::memset(packed, 0, packed_bytes<kCodec>(count));
  } else {
    pack<kCodec>(values, count, coding::f32_from_f16(scale), packed);
  }
}

template <Codec kCodec, ElementType kElement>
KVP2P_INLINE void decode_group(const std::uint8_t* packed, std::uint32_t count, const std::uint8_t* scale_from,
                               std::uint8_t* engine) {
  std::uint16_t scale = 0;
  std::memcpy(&scale, scale_from, sizeof scale);
  alignas(64) float values[kGroupMax + 1];
  unpack<kCodec>(packed, count, coding::f32_from_f16(scale), values);
  for (std::uint32_t i = 0; i < count; ++i) store<kElement>(values[i], engine + i * kBytes<kElement>);
}

/// Calls group(elements from the slice's start, count, scale's index, packed bytes' offset) for each group.
template <Codec kCodec, class Group>
KVP2P_INLINE void for_each_group(const CodedShape& shape, Group group) {
  constexpr std::uint32_t kGroup = group_elements(kCodec);
  const std::size_t row_bytes = packed_row_bytes(kCodec, shape.head_dim);
  std::size_t scale = 0;
  for (std::size_t row = 0; row < shape.rows; ++row) {
    std::uint32_t dim = 0;
    for (; dim + kGroup <= shape.head_dim; dim += kGroup) {
      group(row * shape.head_dim + dim, std::integral_constant<std::uint32_t, kGroup>(), scale++,
            row * row_bytes + packed_bytes<kCodec>(dim));
    }
    if (dim < shape.head_dim) {
      group(row * shape.head_dim + dim, shape.head_dim - dim, scale++, row * row_bytes + packed_bytes<kCodec>(dim));
    }
  }
}

template <Codec kCodec, ElementType kElement>
KVP2P_INLINE void encode_all(const CodedShape& shape, base::ConstBytes engine, base::MutableBytes coded) {
  const std::size_t scales = shape.rows * groups_of_row(kCodec, shape.head_dim) * kScaleBytes;
  const std::size_t slice_bytes = shape.engine_bytes();
  std::uint8_t* to = coded.data();
  for (std::size_t at = 0; at < engine.size(); at += slice_bytes, to += shape.coded_bytes()) {
    const std::uint8_t* from = engine.data() + at;
    for_each_group<kCodec>(shape, [&](std::size_t element, auto count, std::size_t scale, std::size_t offset) {
      encode_group<kCodec, kElement>(from + element * kBytes<kElement>, count, to + scale * kScaleBytes,
                                     to + scales + offset);
    });
  }
}

template <Codec kCodec, ElementType kElement>
KVP2P_INLINE void decode_all(const CodedShape& shape, base::ConstBytes coded, base::MutableBytes engine) {
  const std::size_t scales = shape.rows * groups_of_row(kCodec, shape.head_dim) * kScaleBytes;
  const std::size_t slice_bytes = shape.engine_bytes();
  const std::uint8_t* from = coded.data();
  for (std::size_t at = 0; at < engine.size(); at += slice_bytes, from += shape.coded_bytes()) {
    std::uint8_t* to = engine.data() + at;
    for_each_group<kCodec>(shape, [&](std::size_t element, auto count, std::size_t scale, std::size_t offset) {
      decode_group<kCodec, kElement>(from + scales + offset, count, from + scale * kScaleBytes,
                                     to + element * kBytes<kElement>);
    });
  }
}

/// Each combination twice: for any processor, and for those with AVX2. The same operations, so the same bytes.
struct Functions {
  void (*encode)(const CodedShape&, base::ConstBytes, base::MutableBytes);
  void (*decode)(const CodedShape&, base::ConstBytes, base::MutableBytes);
};

template <Codec kCodec, ElementType kElement>
struct Plain {
  static void encode(const CodedShape& s, base::ConstBytes f, base::MutableBytes t) {
    encode_all<kCodec, kElement>(s, f, t);
  }
  static void decode(const CodedShape& s, base::ConstBytes f, base::MutableBytes t) {
    decode_all<kCodec, kElement>(s, f, t);
  }
};

#ifdef __x86_64__
template <Codec kCodec, ElementType kElement>
struct Avx2 {
  __attribute__((target("avx2"), flatten)) static void encode(const CodedShape& s, base::ConstBytes f,
                                                              base::MutableBytes t) {
    encode_all<kCodec, kElement>(s, f, t);
  }
  __attribute__((target("avx2"), flatten)) static void decode(const CodedShape& s, base::ConstBytes f,
                                                              base::MutableBytes t) {
    decode_all<kCodec, kElement>(s, f, t);
  }
};
#endif

template <Codec kCodec, ElementType kElement>
Functions best() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return {Avx2<kCodec, kElement>::encode, Avx2<kCodec, kElement>::decode};
#endif
  return {Plain<kCodec, kElement>::encode, Plain<kCodec, kElement>::decode};
}

template <Codec kCodec>
Functions functions_for(ElementType element) {
  switch (element) {
    case ElementType::kF32:
      return best<kCodec, ElementType::kF32>();
    case ElementType::kF16:
      return best<kCodec, ElementType::kF16>();
    case ElementType::kBf16:
      return best<kCodec, ElementType::kBf16>();
    case ElementType::kF8E4m3:
      break;
  }
  return {};
}

Functions functions_for(const CodedShape& shape) {
  switch (shape.codec) {
    case Codec::kInt8:
      return functions_for<Codec::kInt8>(shape.element);
    case Codec::kFp8:
      return functions_for<Codec::kFp8>(shape.element);
    case Codec::kInt4:
      return functions_for<Codec::kInt4>(shape.element);
    case Codec::kNone:
      break;
  }
  return {};
}

}  // namespace

void encode_head_slices(const CodedShape& shape, base::ConstBytes engine, base::MutableBytes coded) {
  const Functions functions = functions_for(shape);
  assert(functions.encode != nullptr && engine.size() / shape.engine_bytes() * shape.coded_bytes() == coded.size());
  functions.encode(shape, engine, coded);
}

void decode_head_slices(const CodedShape& shape, base::ConstBytes coded, base::MutableBytes engine) {
  const Functions functions = functions_for(shape);
  assert(functions.decode != nullptr && engine.size() / shape.engine_bytes() * shape.coded_bytes() == coded.size());
  functions.decode(shape, coded, engine);
}

bool is_sound(const CodedShape& shape, base::ConstBytes coded) {
  if (shape.codec == Codec::kNone) return true;
  const std::size_t scales = shape.rows * groups_of_row(shape.codec, shape.head_dim);
  const std::size_t slice_bytes = shape.coded_bytes();
  for (std::size_t at = 0; at + slice_bytes <= coded.size(); at += slice_bytes) {
    std::uint16_t largest = 0;
    for (std::size_t i = 0; i < scales; ++i) {
      std::uint16_t scale = 0;
      std::memcpy(&scale, coded.data() + at + i * kScaleBytes, sizeof scale);
      largest = largest < scale ? scale : largest;
    }
    // Scales with a sign, infinities and NaN are all above the largest finite one.
    if (!coding::is_sound_scale(largest)) return false;
  }
  return true;
}

}  // namespace kvp2p
