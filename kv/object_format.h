// What the bytes of a stored block are: carried with every object and checked, never guessed.
//
// Canonical wire order of a block: layer, KV head, K|V, token, dim. So any head range of a layer is one contiguous run,
// and one layer's part (a layer slice) is contiguous too.
#pragma once

#include "base/result.h"
#include "kv/codec.h"
#include "kv/element_type.h"
#include "kv/shard.h"

#include <compare>
#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// Tokens of one KV block: the unit that is hashed, stored and looked up.
inline constexpr std::uint32_t kBlockTokens = 16;
inline constexpr std::uint32_t kHeadDimMax = 1024;
/// Largest layer slice that is accepted, so that a slice always fits a staging slot.
inline constexpr std::size_t kSliceBytesMax = 4u << 20;

enum class DigestAlgorithm : std::uint8_t { kXxh3_128 = 1 };

struct ObjectFormat {
  /// As the engine holds them, and as they come out of the codec.
  ElementType element = ElementType::kF32;
  /// What the stored and sent bytes are coded with; all sizes below but the engine's are of coded bytes.
  Codec codec = Codec::kNone;
  DigestAlgorithm digest = DigestAlgorithm::kXxh3_128;
  /// 2: K and V; 1: one latent per token (MLA).
  std::uint8_t planes = 2;
  std::uint32_t head_dim = 0;
  ShardRange shard;

  /// One (layer, KV head) of a block: what a digest leaf covers.
  std::size_t head_slice_bytes() const {
    return codec == Codec::kNone ? engine_head_slice_bytes() : rows() * coded_row_bytes(codec, head_dim);
  }
  /// One layer of a block.
  std::size_t layer_slice_bytes() const { return head_slice_bytes() * shard.heads(); }
  std::size_t block_bytes() const { return layer_slice_bytes() * shard.layers(); }
  /// The same in the engine's memory, where nothing is coded.
  std::size_t engine_head_slice_bytes() const { return rows() * head_dim * element_bytes(element); }
  std::size_t engine_layer_slice_bytes() const { return engine_head_slice_bytes() * shard.heads(); }
  /// Rows of a head slice: K, then V, of each token.
  std::size_t rows() const { return std::size_t{planes} * kBlockTokens; }
  std::size_t leaf_count() const { return std::size_t{shard.layers()} * shard.heads(); }

  /// All fields within their bounds. Formats from outside are checked before any size is computed from them.
  bool is_valid() const;
  /// Same bytes per (layer, head), whatever the shard.
  bool same_encoding(const ObjectFormat& other) const;
  auto operator<=>(const ObjectFormat&) const = default;
};

}  // namespace kvp2p
