#include "gpu/strided_copy.h"

#include <cstring>

namespace kvp2p {

SlicePlan make_slice_plan(const LayoutDesc& layout, std::uint32_t layer) {
  const LayerBase& bases = layout.layers[layer];
  const ObjectFormat& format = layout.format;
  SlicePlan plan;
  plan.base = bases.k;
  plan.slice_bytes = format.engine_layer_slice_bytes();
  plan.block_stride = layout.block_stride;
  plan.slot_stride = kBlockTokens * layout.token_stride;
  plan.slots_per_block = layout.slots_per_engine_block();
  plan.run_bytes = std::size_t{format.head_dim} * element_bytes(format.element);

  const auto plane_stride = static_cast<std::ptrdiff_t>(bases.v) - static_cast<std::ptrdiff_t>(bases.k);
  // Innermost first: a dimension joins the run while it steps exactly over what is in the run already.
  const SlicePlan::Loop inner_first[3] = {
      {kBlockTokens, static_cast<std::ptrdiff_t>(layout.token_stride)},
      {format.planes, format.planes == 2 ? plane_stride : 0},
      {format.shard.heads(), static_cast<std::ptrdiff_t>(layout.head_stride)},
  };
  std::size_t loops = 0;
  for (const SlicePlan::Loop& loop : inner_first) {
    if (loop.count == 1) continue;
    if (loops == 0 && loop.engine_stride == static_cast<std::ptrdiff_t>(plan.run_bytes)) {
      plan.run_bytes *= loop.count;
    } else {
      plan.loops[2 - loops++] = loop;
    }
  }
  return plan;
}

namespace {

/// Calls copy(engine offset from the slice's start) for each run, in wire order.
template <class Copy>
void for_each_run(const SlicePlan& plan, Copy copy) {
  std::ptrdiff_t outer = 0;
  for (std::size_t i = 0; i < plan.loops[0].count; ++i, outer += plan.loops[0].engine_stride) {
    std::ptrdiff_t middle = outer;
    for (std::size_t j = 0; j < plan.loops[1].count; ++j, middle += plan.loops[1].engine_stride) {
      std::ptrdiff_t inner = middle;
      for (std::size_t k = 0; k < plan.loops[2].count; ++k, inner += plan.loops[2].engine_stride) copy(inner);
    }
  }
}

}  // namespace

void gather_slice(const SlicePlan& plan, const std::uint8_t* region, Slot slot, std::uint8_t* wire) {
  const std::uint8_t* start = region + plan.offset_of(slot);
  for_each_run(plan, [&](std::ptrdiff_t offset) {
    std::memcpy(wire, start + offset, plan.run_bytes);
    wire += plan.run_bytes;
  });
}

void scatter_slice(const SlicePlan& plan, const std::uint8_t* wire, std::uint8_t* region, Slot slot) {
  std::uint8_t* start = region + plan.offset_of(slot);
  for_each_run(plan, [&](std::ptrdiff_t offset) {
    std::memcpy(start + offset, wire, plan.run_bytes);
    wire += plan.run_bytes;
  });
}

}  // namespace kvp2p
