// Layouts of the engines in the field and a naive reference for moving their bytes. For tests.
#pragma once

#include "gpu/layout.h"

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace kvp2p::testing {

struct NamedLayout {
  std::string name;
  LayoutDesc layout;
  std::size_t region_bytes = 0;
};

struct Shape {
  std::uint32_t layers = 2;
  std::uint32_t heads = 3;
  std::uint32_t head_dim = 8;
  std::uint32_t engine_blocks = 4;
  std::uint32_t engine_block_tokens = kBlockTokens;
  ElementType element = ElementType::kF32;
  std::uint8_t planes = 2;
  Codec codec = Codec::kNone;
};

ObjectFormat format_of(const Shape& shape);

/// [layer][K|V][block][token][head][dim]
NamedLayout nhd(const Shape& shape);
/// [layer][K|V][block][head][token][dim]
NamedLayout hnd(const Shape& shape);
/// [layer][block][head][token][K|V][dim]
NamedLayout packed(const Shape& shape);
/// [block][layer][head][K|V][token][dim]: wire order.
NamedLayout wire_order(const Shape& shape);
/// Dimensions in a random order, with random padding.
NamedLayout random_layout(const Shape& shape, std::mt19937& random);
Shape random_shape(std::mt19937& random);

/// Engine offset of one element, straight from the definition in gpu/layout.h.
std::size_t element_offset(const LayoutDesc& layout, std::uint32_t layer, Slot slot, std::uint32_t head,
                           std::uint32_t plane, std::uint32_t token, std::uint32_t dim);

/// One slice in wire order, element by element.
std::vector<std::uint8_t> naive_gather(const LayoutDesc& layout, const std::uint8_t* region, std::uint32_t layer,
                                       Slot slot);

}  // namespace kvp2p::testing
