// Copies layer slices between an engine's strides and wire order, in the largest runs that are contiguous on both
// sides.
//
// Pure functions over host-addressable memory, without locks or allocation; the CUDA connector's kernels follow the
// same plan.
#pragma once

#include "gpu/layout.h"

#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// How one layer's slices are walked: loops around one memcpy, outermost first. Wire order is contiguous, so only the
/// engine's side has strides. Made once a layer when the region is registered.
struct SlicePlan {
  struct Loop {
    std::size_t count = 1;
    std::ptrdiff_t engine_stride = 0;
  };
  /// Engine bytes from the region's start to plane 0, head 0, token 0 of slot 0.
  std::size_t base = 0;
  /// Loops over what is not contiguous, of heads, planes and tokens.
  Loop loops[3];
  /// Bytes of one memcpy.
  std::size_t run_bytes = 0;
  /// Of the engine's elements, whatever the wire's are coded with.
  std::size_t slice_bytes = 0;
  /// Slot s lies at base + (s / slots_per_block) * block_stride + (s % slots_per_block) * slot_stride.
  std::size_t block_stride = 0;
  std::size_t slot_stride = 0;
  std::uint32_t slots_per_block = 1;

  /// The whole slice is one run: the engine's order is wire order, and no conversion is needed.
  bool is_plain() const { return run_bytes == slice_bytes; }
  std::size_t offset_of(Slot slot) const {
    return base + (slot / slots_per_block) * block_stride + (slot % slots_per_block) * slot_stride;
  }
};

/// REQUIRES: layout.fits() its region; layer < layout.layers.size().
SlicePlan make_slice_plan(const LayoutDesc& layout, std::uint32_t layer);

/// Engine → wire order. `region` is the region's start, `wire` has plan.slice_bytes.
void gather_slice(const SlicePlan& plan, const std::uint8_t* region, Slot slot, std::uint8_t* wire);
/// Wire order → engine.
void scatter_slice(const SlicePlan& plan, const std::uint8_t* wire, std::uint8_t* region, Slot slot);

}  // namespace kvp2p
