// Where an engine's paged KV cache keeps what: strides, not names, so that one gather and scatter serves every engine.
#pragma once

#include "kv/object_format.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvp2p {

/// Byte offsets from the region's start of one layer's K and V: of head 0, token 0 of engine block 0. For MLA (planes
/// 1) only `k` is used.
struct LayerBase {
  std::size_t k = 0;
  std::size_t v = 0;
};

/// The elements of one (token, head) lie next to each other; everything else is a stride in bytes.
///
///   address of K(layer, block, token, head) = start + layers[layer].k + block * block_stride + token * token_stride
///                                             + head * head_stride
///
/// NHD: token_stride = heads * head_dim * element, head_stride = head_dim * element. HND: the other way round. Packed
/// K|V in the last dimension: v = k + head_dim * element.
struct LayoutDesc {
  /// Element type, head_dim, planes and the shard that the region holds, and the codec of what is gathered out of it
  /// and scattered into it: the engine's own bytes are never coded. Layer 0 of `layers` is shard.layer_begin.
  ObjectFormat format;
  std::vector<LayerBase> layers;
  std::size_t block_stride = 0;
  std::size_t token_stride = 0;
  std::size_t head_stride = 0;
  /// Tokens of one engine block: a multiple of kBlockTokens.
  std::uint32_t engine_block_tokens = kBlockTokens;
  /// Engine blocks in the region.
  std::uint32_t engine_blocks = 0;

  /// KV blocks (16 tokens) of one engine block.
  std::uint32_t slots_per_engine_block() const { return engine_block_tokens / kBlockTokens; }
  /// Addressable KV blocks. A *slot* is engine block * slots_per_engine_block + index within it.
  std::uint32_t slots() const { return engine_blocks * slots_per_engine_block(); }
  /// Every address that the strides can reach lies inside `region_bytes`, and no field is out of bounds.
  bool fits(std::size_t region_bytes) const;
};

/// A slot: 16 tokens of the engine's cache.
using Slot = std::uint32_t;

}  // namespace kvp2p
