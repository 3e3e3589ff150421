// A registered region, on the host alone: its plans reach the kernels as parameters.
#pragma once

#include "gpu/cuda/coding.h"
#include "gpu/cuda/kvcache.h"
#include "gpu/cuda/paged_table.h"

#include <cstdint>
#include <vector>

struct kvc_region {
  /// How a layer's slices are walked, whatever their base. Most regions have one for all layers.
  struct LayerShape {
    kvc_loop loops[3];
    std::uint64_t run_bytes = 0;
  };

  int device = 0;
  std::uint8_t* start = nullptr;
  std::uint64_t bytes = 0;
  std::uint32_t slots = 0;
  std::uint64_t slice_bytes = 0;
  /// The same in wire order: fewer where it is coded.
  std::uint64_t wire_slice_bytes = 0;
  kvc::Coding coding;
  std::vector<kvc_slice_plan> plans;
  std::vector<LayerShape> shapes;
  std::vector<std::uint32_t> shape_of_layer;
  /// Bits of all that must be a multiple of a unit, but for start: bases, strides and run_bytes.
  std::uint64_t alignment_bits = 0;

  /// Bytes from `start` to a slot's first byte.
  std::uint64_t offset_of(std::uint32_t layer, std::uint32_t slot) const {
    const kvc_slice_plan& plan = plans[layer];
    return plan.base + slot_offset(plan, slot);
  }
  static std::uint64_t slot_offset(const kvc_slice_plan& plan, std::uint32_t slot) {
    if (plan.slots_per_block == 1) return slot * plan.block_stride;
    return (slot / plan.slots_per_block) * plan.block_stride + (slot % plan.slots_per_block) * plan.slot_stride;
  }
};

namespace kvc {

/// Slices larger than this are refused: a slice's units are counted in 31 bits.
constexpr std::uint64_t kSliceBytesMax = std::uint64_t{1} << 30;
constexpr std::uint32_t kLayersMax = 65536;
/// Of a coded slice.
constexpr std::uint32_t kSliceGroupsMax = 1u << 20;

/// Null, or why the plan cannot be: inconsistent, or it reaches outside [0, bytes) in one of `slots` slots.
const char* refuse_plan(const kvc_slice_plan& plan, std::uint64_t bytes, std::uint32_t slots);

/// Fills everything but device and start. Null, or why not. REQUIRES: layers > 0.
const char* fill_region(std::uint64_t bytes, const kvc_slice_plan* plans, std::uint32_t layers, std::uint32_t slots,
                        kvc_region* region);

/// Null, or why not. REQUIRES: a filled region.
const char* fill_coding(kvc_codec codec, kvc_element element, std::uint32_t head_dim, std::uint32_t rows,
                        kvc_region* region);

/// The largest unit of 16, 8, 4, 2 or 1 bytes that divides whatever was or-ed into `bits`.
inline std::uint32_t unit_of(std::uint64_t bits) {
  std::uint32_t unit = 16;
  while (bits % unit != 0) unit /= 2;
  return unit;
}

/// `shape` in units of `unit` bytes. REQUIRES: unit divides run_bytes.
Walk make_walk(const kvc_region::LayerShape& shape, std::uint32_t unit);
/// A slice in wire order.
Walk make_wire_walk(std::uint64_t slice_bytes, std::uint32_t unit);

}  // namespace kvc
