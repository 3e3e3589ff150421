#include "gpu/layout.h"

#include <algorithm>
#include <array>

namespace kvp2p {

namespace {

/// Engine blocks of more tokens than this are a mistake, not an engine.
constexpr std::uint32_t kEngineBlockTokensMax = 1u << 16;

struct Dimension {
  std::size_t stride;
  std::size_t count;
};

/// Adds count * stride to `sum`; false on overflow.
bool add_product(std::size_t& sum, std::size_t count, std::size_t stride) {
  std::size_t product = 0;
  return !__builtin_mul_overflow(count, stride, &product) && !__builtin_add_overflow(sum, product, &sum);
}

/// Sorted by stride, each dimension steps over everything inside it, so that no two elements share an address. Real
/// tensors, permuted and padded as they may be, all are like this. Returns the bytes that the dimensions span; 0 if
/// they overlap or overflow.
std::size_t nested_extent(std::array<Dimension, 4> dimensions, std::size_t row) {
  std::sort(dimensions.begin(), dimensions.end(),
            [](const Dimension& a, const Dimension& b) { return a.stride < b.stride; });
  std::size_t extent = row;
  for (const Dimension& d : dimensions) {
    if (d.count == 1) continue;
    if (d.stride < extent || !add_product(extent, d.count - 1, d.stride)) return 0;
  }
  return extent;
}

}  // namespace

bool LayoutDesc::fits(std::size_t region_bytes) const {
  if (!format.is_valid() || layers.size() != format.shard.layers()) return false;
  if (engine_block_tokens == 0 || engine_block_tokens % kBlockTokens != 0) return false;
  if (engine_block_tokens > kEngineBlockTokensMax || engine_blocks == 0) return false;
  std::uint32_t slot_count = 0;
  if (__builtin_mul_overflow(engine_blocks, slots_per_engine_block(), &slot_count)) return false;

  const std::size_t row = std::size_t{format.head_dim} * element_bytes(format.element);
  const Dimension block{block_stride, engine_blocks};
  const Dimension token{token_stride, engine_block_tokens};
  const Dimension head{head_stride, format.shard.heads()};
  const std::size_t one_plane = nested_extent({block, token, head, Dimension{0, 1}}, row);
  if (one_plane == 0) return false;

  for (const LayerBase& layer : layers) {
    const bool two = format.planes == 2;
    const std::size_t last = two ? std::max(layer.k, layer.v) : layer.k;
    if (last > region_bytes || one_plane > region_bytes - last) return false;
    if (!two) continue;
    const Dimension plane{last - std::min(layer.k, layer.v), 2};
    if (nested_extent({block, token, head, plane}, row) == 0) return false;
  }
  return true;
}

}  // namespace kvp2p
