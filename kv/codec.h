// Lossy codecs of stored blocks: smaller elements with a scale a group. What a block is coded with is part of what it
// is (kv/object_format.h); the bytes are defined in docs/codecs.md and made in codec/.
#pragma once

#include "kv/element_type.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kvp2p {

/// The value is the id on the wire.
enum class Codec : std::uint8_t { kNone = 0, kInt8 = 1, kFp8 = 2, kInt4 = 3 };

/// "none", "int8", "fp8", "int4".
std::string_view name_of(Codec codec);
std::optional<Codec> codec_from_name(std::string_view name);
/// Nothing for a number that names no codec: ids from the wire go through here.
std::optional<Codec> codec_from_id(std::uint64_t id);

/// Whether blocks of such elements can be coded so. Fp8 elements have scales of their own already.
bool can_code(Codec codec, ElementType element);

/// Neighbouring elements of one token and head that share a scale; the last group of a row may be shorter.
inline constexpr std::uint32_t kInt8GroupElements = 64;
inline constexpr std::uint32_t kFp8GroupElements = 64;
inline constexpr std::uint32_t kInt4GroupElements = 32;
/// A scale is an IEEE half, little-endian.
inline constexpr std::size_t kScaleBytes = 2;

/// REQUIRES: not kNone.
constexpr std::uint32_t group_elements(Codec codec) {
  return codec == Codec::kInt4 ? kInt4GroupElements : codec == Codec::kFp8 ? kFp8GroupElements : kInt8GroupElements;
}
/// Groups, and so scales, of one row: a token's K or V of one head. REQUIRES: not kNone.
constexpr std::size_t groups_of_row(Codec codec, std::uint32_t head_dim) {
  return (head_dim + group_elements(codec) - 1) / group_elements(codec);
}
/// The elements of one row, packed. REQUIRES: not kNone.
constexpr std::size_t packed_row_bytes(Codec codec, std::uint32_t head_dim) {
  return codec == Codec::kInt4 ? (std::size_t{head_dim} + 1) / 2 : head_dim;
}
/// A row with its scales. REQUIRES: not kNone.
constexpr std::size_t coded_row_bytes(Codec codec, std::uint32_t head_dim) {
  return groups_of_row(codec, head_dim) * kScaleBytes + packed_row_bytes(codec, head_dim);
}

}  // namespace kvp2p
