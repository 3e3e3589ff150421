// What the bytes of a stored block are: carried with every object and checked, never guessed.
//
// Canonical wire order of a block: layer, KV head, K|V, token, dim. So any head range of a layer is one contiguous run,
// and one layer's part (a layer slice) is contiguous too.
#pragma once

#include "base/result.h"
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

enum class Codec : std::uint8_t { kNone = 0 };
enum class DigestAlgorithm : std::uint8_t { kXxh3_128 = 1 };

struct ObjectFormat {
  ElementType element = ElementType::kF32;
  Codec codec = Codec::kNone;
  DigestAlgorithm digest = DigestAlgorithm::kXxh3_128;
  /// 2: K and V; 1: one latent per token (MLA).
  std::uint8_t planes = 2;
  std::uint32_t head_dim = 0;
  ShardRange shard;

  /// One (layer, KV head) of a block: what a digest leaf covers.
  std::size_t head_slice_bytes() const {
    return std::size_t{planes} * kBlockTokens * head_dim * element_bytes(element);
  }
  /// One layer of a block.
  std::size_t layer_slice_bytes() const { return head_slice_bytes() * shard.heads(); }
  std::size_t block_bytes() const { return layer_slice_bytes() * shard.layers(); }
  std::size_t leaf_count() const { return std::size_t{shard.layers()} * shard.heads(); }

  /// All fields within their bounds. Formats from outside are checked before any size is computed from them.
  bool is_valid() const;
  /// Same bytes per (layer, head), whatever the shard.
  bool same_encoding(const ObjectFormat& other) const;
  auto operator<=>(const ObjectFormat&) const = default;
};

}  // namespace kvp2p
