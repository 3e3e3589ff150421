// Codes slices of blocks in wire order, and decodes them: docs/codecs.md. On the processor; gpu/cuda/ has the same as
// kernels.
//
// Pure functions, without locks or allocation.
#pragma once

#include "base/bytes.h"
#include "kv/object_format.h"

#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// What a codec works on: elements of one type in rows of `head_dim`, a head slice being `rows` of them.
struct CodedShape {
  Codec codec = Codec::kNone;
  ElementType element = ElementType::kF32;
  std::uint32_t head_dim = 0;
  std::uint32_t rows = 0;

  static CodedShape of(const ObjectFormat& format) {
    return {format.codec, format.element, format.head_dim, static_cast<std::uint32_t>(format.rows())};
  }
  std::size_t engine_bytes() const { return std::size_t{rows} * head_dim * element_bytes(element); }
  std::size_t coded_bytes() const { return rows * coded_row_bytes(codec, head_dim); }
};

/// Head slices one after the other, all of `engine`. A group that has a value which is not finite, or which no scale
/// reaches, gets a scale that is_sound() refuses: a block is coded right or not used.
/// REQUIRES: not kNone; engine.size() is a multiple of engine_bytes(), coded.size() the same multiple of coded_bytes();
/// they do not overlap.
void encode_head_slices(const CodedShape& shape, base::ConstBytes engine, base::MutableBytes coded);

/// The other way; any bytes may come in, and finite elements come out where is_sound().
void decode_head_slices(const CodedShape& shape, base::ConstBytes coded, base::MutableBytes engine);

/// Whether every scale is finite and not negative. True for kNone. REQUIRES: whole head slices of coded bytes.
bool is_sound(const CodedShape& shape, base::ConstBytes coded);

}  // namespace kvp2p
