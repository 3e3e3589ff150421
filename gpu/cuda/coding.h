// Coded slices on a GPU: where each group's elements, scale and packed bytes are, and what a lane does with a few of
// its elements. For the kernels and, in tests, for the host. The bytes are those of docs/codecs.md.
#pragma once

#include "codec/scalar.h"
#include "gpu/cuda/kvcache.h"
#include "gpu/cuda/paged_table.h"

#include <cstdint>

namespace kvc {

namespace coding = kvp2p::coding;

#ifdef __CUDA_ARCH__
#define KVC_UNROLL _Pragma("unroll")
#else
#define KVC_UNROLL
#endif

/// What a launch is told besides its table. On the engine's side bytes are counted in wire order.
struct Coding {
  kvc_codec codec = KVC_CODEC_NONE;
  kvc_element element = KVC_F32;
  std::uint32_t element_bytes = 0;
  std::uint32_t head_dim = 0;
  std::uint32_t group = 0;  // elements
  Divisor slice_groups, head_groups, row_groups;
  std::uint32_t engine_head_bytes = 0;
  std::uint32_t coded_head_bytes = 0;
  std::uint32_t scales_bytes = 0;  // of a head slice
  std::uint32_t packed_row_bytes = 0;
  std::uint32_t elements_per_byte_log2 = 0;  // 1 for int4
  std::uint32_t unit_bytes = 1;              // of the table's walks: 1, 2, 4, 8 or 16
  std::uint32_t unit_log2 = 0;
};

/// One group: bytes from the slice's start on either side.
struct GroupPlace {
  std::uint32_t engine;
  std::uint32_t scale;
  std::uint32_t packed;
  std::uint32_t count;  // elements
};

KVC_BOTH GroupPlace place_group(const Coding& coding, std::uint32_t index) {
  const std::uint32_t head = coding.head_groups.quotient(index);
  const std::uint32_t in_head = index - head * coding.head_groups.divisor;
  const std::uint32_t row = coding.row_groups.quotient(in_head);
  const std::uint32_t dim = (in_head - row * coding.row_groups.divisor) * coding.group;
  const std::uint32_t left = coding.head_dim - dim;
  GroupPlace place;
  place.engine = head * coding.engine_head_bytes + (row * coding.head_dim + dim) * coding.element_bytes;
  place.scale = head * coding.coded_head_bytes + in_head * 2;
  place.packed = head * coding.coded_head_bytes + coding.scales_bytes + row * coding.packed_row_bytes +
                 (dim >> coding.elements_per_byte_log2);
  place.count = left < coding.group ? left : coding.group;
  return place;
}

/// Bytes from the slice's start in the engine to byte `byte` of it in wire order.
KVC_BOTH std::int64_t engine_offset(const Coding& coding, const Walk& walk, std::uint32_t byte) {
  return walk.offset(byte >> coding.unit_log2, coding.unit_bytes) + (byte & (coding.unit_bytes - 1));
}

// A piece: neighbouring elements of one group, as many as a lane takes -----------------------------------------------

template <class T, unsigned kCount>
struct alignas(sizeof(T) * kCount) Few {
  T values[kCount];
};

/// Bits of an element, with the type that tells what they are.
struct F32Bits {
  float value;
};
struct F16Bits {
  std::uint16_t bits;
};
struct Bf16Bits {
  std::uint16_t bits;
};

KVC_BOTH float to_f32(F32Bits x) { return x.value; }
KVC_BOTH float to_f32(F16Bits x) { return coding::f32_from_f16(x.bits); }
KVC_BOTH float to_f32(Bf16Bits x) { return coding::f32_from_bf16(x.bits); }
KVC_BOTH void from_f32(float x, F32Bits& to) { to.value = x; }
KVC_BOTH void from_f32(float x, F16Bits& to) { to.bits = coding::f16_from_f32(x); }
KVC_BOTH void from_f32(float x, Bf16Bits& to) { to.bits = coding::bf16_from_f32(x); }

template <kvc_codec kCodec>
struct CodecOf {
  static constexpr unsigned kGroup = kCodec == KVC_CODEC_INT4 ? 32 : 64;
  static constexpr float kLargest = kCodec == KVC_CODEC_INT8  ? coding::kInt8Largest
                                    : kCodec == KVC_CODEC_FP8 ? coding::kFp8Largest
                                                              : coding::kInt4Largest;
  KVC_BOTH static constexpr unsigned packed(unsigned elements) {
    return kCodec == KVC_CODEC_INT4 ? elements / 2 : elements;
  }
};

template <class T, unsigned kCount>
KVC_BOTH std::uint32_t largest_magnitude(const Few<T, kCount>& piece) {
  std::uint32_t largest = 0;
  KVC_UNROLL
  for (unsigned i = 0; i < kCount; ++i) {
    const std::uint32_t magnitude = coding::bits_of(to_f32(piece.values[i])) & coding::kMagnitude;
    largest = largest < magnitude ? magnitude : largest;
  }
  return largest;
}

template <kvc_codec kCodec, class T, unsigned kCount>
KVC_BOTH Few<std::uint8_t, CodecOf<kCodec>::packed(kCount)> encode_piece(const Few<T, kCount>& piece,
                                                                         std::uint16_t scale_bits) {
  Few<std::uint8_t, CodecOf<kCodec>::packed(kCount)> out = {};
  if (scale_bits == 0 || !coding::is_sound_scale(scale_bits)) return out;
  const float scale = coding::f32_from_f16(scale_bits);
  KVC_UNROLL
  for (unsigned i = 0; i < kCount; ++i) {
    const float x = to_f32(piece.values[i]);
    if (kCodec == KVC_CODEC_INT8) {
      out.values[i] = static_cast<std::uint8_t>(coding::whole_from_f32(x, scale, 127));
    } else if (kCodec == KVC_CODEC_FP8) {
      out.values[i] = coding::e4m3_from_f32(coding::divide(x, scale));
    } else {
      const auto nibble = static_cast<std::uint8_t>(coding::whole_from_f32(x, scale, 7) & 15);
      out.values[i / 2] = static_cast<std::uint8_t>(out.values[i / 2] | nibble << (i % 2 * 4));
    }
  }
  return out;
}

template <kvc_codec kCodec, class T, unsigned kCount>
KVC_BOTH Few<T, kCount> decode_piece(const Few<std::uint8_t, CodecOf<kCodec>::packed(kCount)>& packed,
                                     std::uint16_t scale_bits) {
  const float scale = coding::f32_from_f16(scale_bits);
  Few<T, kCount> out;
  KVC_UNROLL
  for (unsigned i = 0; i < kCount; ++i) {
    float x = 0;
    if (kCodec == KVC_CODEC_INT8) {
      x = static_cast<float>(static_cast<std::int8_t>(packed.values[i]));
    } else if (kCodec == KVC_CODEC_FP8) {
      x = coding::f32_from_e4m3(packed.values[i]);
    } else {
      // The nibble goes to the top of a byte with a sign, and back down.
      const unsigned nibble = static_cast<unsigned>(packed.values[i / 2]) >> (i % 2 * 4);
      x = static_cast<float>(static_cast<std::int8_t>(static_cast<std::uint8_t>(nibble << 4)) / 16);
    }
    // Multiplied, a NaN would change its bits on a GPU and not on a processor.
    from_f32(coding::is_sound_scale(scale_bits) ? x * scale : scale, out.values[i]);
  }
  return out;
}

// What a lane does
// ------------------------------------------------------------------------------------------------------

/// Elements of a lane's piece where all is aligned: 16 bytes of the engine's.
template <class T>
constexpr unsigned kPieceElements = 16 / sizeof(T);
template <kvc_codec kCodec, class T>
constexpr unsigned kLanesOfGroup = CodecOf<kCodec>::kGroup / kPieceElements<T>;
/// And where it is not: two, so that int4 makes whole bytes.
constexpr unsigned kPairElements = 2;

template <class T>
KVC_BOTH Few<T, kPieceElements<T>> load_piece(const Coding& coding, const Walk& walk, const std::uint8_t* slice,
                                              const GroupPlace& place, unsigned lane) {
  Few<T, kPieceElements<T>> piece = {};
  if (lane * kPieceElements<T> >= place.count) return piece;
  return *reinterpret_cast<const Few<T, kPieceElements<T>>*>(slice +
                                                             engine_offset(coding, walk, place.engine + lane * 16));
}

template <kvc_codec kCodec, class T>
KVC_BOTH void store_coded_piece(const Few<T, kPieceElements<T>>& piece, std::uint16_t scale, std::uint8_t* coded,
                                const GroupPlace& place, unsigned lane) {
  using Packed = Few<std::uint8_t, CodecOf<kCodec>::packed(kPieceElements<T>)>;
  if (lane == 0) *reinterpret_cast<std::uint16_t*>(coded + place.scale) = scale;
  if (lane * kPieceElements<T> >= place.count) return;
  *reinterpret_cast<Packed*>(coded + place.packed + lane * sizeof(Packed)) =
      encode_piece<kCodec, T, kPieceElements<T>>(piece, scale);
}

template <kvc_codec kCodec, class T>
KVC_BOTH void decode_one_piece(const Coding& coding, const Walk& walk, const std::uint8_t* coded, std::uint8_t* slice,
                               const GroupPlace& place, unsigned lane) {
  using Packed = Few<std::uint8_t, CodecOf<kCodec>::packed(kPieceElements<T>)>;
  if (lane * kPieceElements<T> >= place.count) return;
  const std::uint16_t scale = *reinterpret_cast<const std::uint16_t*>(coded + place.scale);
  const Packed packed = *reinterpret_cast<const Packed*>(coded + place.packed + lane * sizeof(Packed));
  *reinterpret_cast<Few<T, kPieceElements<T>>*>(slice + engine_offset(coding, walk, place.engine + lane * 16)) =
      decode_piece<kCodec, T, kPieceElements<T>>(packed, scale);
}

template <class T>
KVC_BOTH Few<T, kPairElements> load_pair(const Coding& coding, const Walk& walk, const std::uint8_t* slice,
                                         const GroupPlace& place, unsigned lane) {
  Few<T, kPairElements> pair = {};
  for (unsigned i = 0; i < kPairElements; ++i) {
    const std::uint32_t at = lane * kPairElements + i;
    if (at >= place.count) continue;
    const auto byte = static_cast<std::uint32_t>(place.engine + at * sizeof(T));
    pair.values[i] = *reinterpret_cast<const T*>(slice + engine_offset(coding, walk, byte));
  }
  return pair;
}

/// The wire may have any alignment: a byte at a time.
template <kvc_codec kCodec, class T>
KVC_BOTH void store_coded_pair(const Few<T, kPairElements>& pair, std::uint16_t scale, std::uint8_t* coded,
                               const GroupPlace& place, unsigned lane) {
  if (lane == 0) {
    coded[place.scale] = static_cast<std::uint8_t>(scale);
    coded[place.scale + 1] = static_cast<std::uint8_t>(scale >> 8);
  }
  constexpr unsigned kBytes = CodecOf<kCodec>::packed(kPairElements);
  constexpr unsigned kElementsPerByte = kPairElements / kBytes;
  const auto packed = encode_piece<kCodec, T, kPairElements>(pair, scale);
  for (unsigned i = 0; i < kBytes; ++i) {
    const std::uint32_t byte = lane * kBytes + i;
    if (byte * kElementsPerByte < place.count) coded[place.packed + byte] = packed.values[i];
  }
}

template <kvc_codec kCodec, class T>
KVC_BOTH void decode_one_pair(const Coding& coding, const Walk& walk, const std::uint8_t* coded, std::uint8_t* slice,
                              const GroupPlace& place, unsigned lane) {
  constexpr unsigned kBytes = CodecOf<kCodec>::packed(kPairElements);
  constexpr unsigned kElementsPerByte = kPairElements / kBytes;
  const auto scale = static_cast<std::uint16_t>(coded[place.scale] | coded[place.scale + 1] << 8);
  Few<std::uint8_t, kBytes> packed = {};
  for (unsigned i = 0; i < kBytes; ++i) {
    const std::uint32_t byte = lane * kBytes + i;
    if (byte * kElementsPerByte < place.count) packed.values[i] = coded[place.packed + byte];
  }
  const auto pair = decode_piece<kCodec, T, kPairElements>(packed, scale);
  for (unsigned i = 0; i < kPairElements; ++i) {
    const std::uint32_t at = lane * kPairElements + i;
    if (at >= place.count) continue;
    const auto byte = static_cast<std::uint32_t>(place.engine + at * sizeof(T));
    *reinterpret_cast<T*>(slice + engine_offset(coding, walk, byte)) = pair.values[i];
  }
}

#ifdef __CUDACC__
#define KVC_EITHER _Pragma("nv_exec_check_disable")  // `call` is the host's or the device's
#else
#define KVC_EITHER
#endif

/// Calls `call.run<codec, element>()` for what the coding says. REQUIRES: a codec.
KVC_EITHER
template <kvc_codec kCodec, class Call>
KVC_BOTH void with_element(const Coding& coding, const Call& call) {
  switch (coding.element) {
    case KVC_F32:
      return call.template run<kCodec, F32Bits>();
    case KVC_F16:
      return call.template run<kCodec, F16Bits>();
    default:
      return call.template run<kCodec, Bf16Bits>();
  }
}

KVC_EITHER
template <class Call>
KVC_BOTH void with_types(const Coding& coding, const Call& call) {
  switch (coding.codec) {
    case KVC_CODEC_INT8:
      return with_element<KVC_CODEC_INT8>(coding, call);
    case KVC_CODEC_FP8:
      return with_element<KVC_CODEC_FP8>(coding, call);
    default:
      return with_element<KVC_CODEC_INT4>(coding, call);
  }
}

/// The unit of the table's walks. REQUIRES: 1, 2, 4, 8 or 16.
inline void set_unit(Coding& coding, std::uint32_t unit_bytes) {
  coding.unit_bytes = unit_bytes;
  coding.unit_log2 = 0;
  while (1u << coding.unit_log2 < unit_bytes) ++coding.unit_log2;
}

/// Whether whole pieces fit every row and every address: then the lanes take pieces, else pairs.
inline bool takes_pieces(const Coding& coding) {
  return coding.unit_bytes == 16 && coding.head_dim * coding.element_bytes % 16 == 0;
}

}  // namespace kvc
