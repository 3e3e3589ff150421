#include "gpu/testing/layouts.h"

#include <algorithm>
#include <numeric>

namespace kvp2p::testing {

namespace {

enum Dim { kLayer, kBlock, kPlane, kHead, kToken, kDims };

/// Strides of a tensor whose dimensions, outermost first, are `order`, with `padding[d]` bytes after each step of d.
NamedLayout layout_in_order(std::string name, const Shape& shape, const std::vector<Dim>& order,
                            const std::vector<std::size_t>& padding = std::vector<std::size_t>(kDims, 0),
                            std::size_t offset = 0) {
  const std::size_t counts[kDims] = {shape.layers, shape.engine_blocks, shape.planes, shape.heads,
                                     shape.engine_block_tokens};
  std::size_t strides[kDims] = {};
  std::size_t bytes = shape.head_dim * element_bytes(shape.element);
  for (auto d = order.rbegin(); d != order.rend(); ++d) {
    bytes += padding[*d];
    strides[*d] = bytes;
    bytes *= counts[*d];
  }
  NamedLayout named;
  named.name = std::move(name);
  named.region_bytes = offset + bytes;
  LayoutDesc& layout = named.layout;
  layout.format = format_of(shape);
  layout.block_stride = strides[kBlock];
  layout.token_stride = strides[kToken];
  layout.head_stride = strides[kHead];
  layout.engine_block_tokens = shape.engine_block_tokens;
  layout.engine_blocks = shape.engine_blocks;
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    const std::size_t k = offset + layer * strides[kLayer];
    layout.layers.push_back({k, shape.planes == 2 ? k + strides[kPlane] : 0});
  }
  return named;
}

}  // namespace

ObjectFormat format_of(const Shape& shape) {
  ObjectFormat format;
  format.element = shape.element;
  format.planes = shape.planes;
  format.codec = shape.codec;
  format.head_dim = shape.head_dim;
  format.shard = {0, shape.layers, 0, shape.heads};
  return format;
}

NamedLayout nhd(const Shape& shape) { return layout_in_order("NHD", shape, {kLayer, kPlane, kBlock, kToken, kHead}); }

NamedLayout hnd(const Shape& shape) { return layout_in_order("HND", shape, {kLayer, kPlane, kBlock, kHead, kToken}); }

NamedLayout packed(const Shape& shape) {
  return layout_in_order("packed", shape, {kLayer, kBlock, kHead, kToken, kPlane});
}

NamedLayout wire_order(const Shape& shape) {
  return layout_in_order("wire order", shape, {kBlock, kLayer, kHead, kPlane, kToken});
}

NamedLayout random_layout(const Shape& shape, std::mt19937& random) {
  std::vector<Dim> order = {kLayer, kBlock, kPlane, kHead, kToken};
  std::shuffle(order.begin(), order.end(), random);
  std::vector<std::size_t> padding(kDims, 0);
  std::string name = "random";
  for (Dim d : order) {
    if (random() % 3 == 0) padding[d] = random() % 64;
    name += " " + std::to_string(d) + "+" + std::to_string(padding[d]);
  }
  return layout_in_order(std::move(name), shape, order, padding, random() % 100);
}

Shape random_shape(std::mt19937& random) {
  constexpr std::uint32_t kHeadDims[] = {1, 3, 7, 8, 64, 80, 96, 127};
  constexpr std::uint32_t kEngineBlocks[] = {16, 32, 64, 128};
  constexpr ElementType kElements[] = {ElementType::kF32, ElementType::kF16, ElementType::kBf16, ElementType::kF8E4m3};
  Shape shape;
  shape.layers = 1 + random() % 3;
  shape.heads = 1 + random() % 4;
  shape.head_dim = kHeadDims[random() % std::size(kHeadDims)];
  shape.engine_blocks = 1 + random() % 4;
  shape.engine_block_tokens = kEngineBlocks[random() % std::size(kEngineBlocks)];
  shape.element = kElements[random() % std::size(kElements)];
  shape.planes = 1 + random() % 2;
  return shape;
}

std::size_t element_offset(const LayoutDesc& layout, std::uint32_t layer, Slot slot, std::uint32_t head,
                           std::uint32_t plane, std::uint32_t token, std::uint32_t dim) {
  const std::size_t engine_token = slot % layout.slots_per_engine_block() * kBlockTokens + token;
  return (plane == 0 ? layout.layers[layer].k : layout.layers[layer].v) +
         slot / layout.slots_per_engine_block() * layout.block_stride + engine_token * layout.token_stride +
         head * layout.head_stride + dim * element_bytes(layout.format.element);
}

std::vector<std::uint8_t> naive_gather(const LayoutDesc& layout, const std::uint8_t* region, std::uint32_t layer,
                                       Slot slot) {
  std::vector<std::uint8_t> wire;
  for (std::uint32_t head = 0; head < layout.format.shard.heads(); ++head) {
    for (std::uint32_t plane = 0; plane < layout.format.planes; ++plane) {
      for (std::uint32_t token = 0; token < kBlockTokens; ++token) {
        for (std::uint32_t dim = 0; dim < layout.format.head_dim; ++dim) {
          const std::uint8_t* at = region + element_offset(layout, layer, slot, head, plane, token, dim);
          wire.insert(wire.end(), at, at + element_bytes(layout.format.element));
        }
      }
    }
  }
  return wire;
}

}  // namespace kvp2p::testing
