#include "gpu/cuda/paged_plan.h"

#include "gpu/cuda/kvcache_fail.h"
#include "gpu/cuda/paged_table_writer.h"

#include <algorithm>
#include <cstdlib>

namespace kvc {

namespace {

template <class Pointer>
std::uint64_t address(Pointer pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

/// Gather and scatter differ in which side is which.
template <class Table>
kvc_status write_slices(const kvc_region& region, const kvc_slice* slices, std::size_t count, const std::uint8_t* from,
                        std::uint8_t* to, bool gather, std::uint32_t unit, PagedLauncher& launcher) {
  TableWriter<Table> writer(region.slice_bytes, unit, from, to, launcher);
  writer.add_layer(0, 0, 0);
  const std::uint32_t items_max = writer.items_max();
  for (std::size_t i = 0; i < count; ++i) {
    const kvc_slice& slice = slices[i];
    const kvc_region::LayerShape* shape = &region.shapes[region.shape_of_layer[slice.layer]];
    const auto find = [&] { return gather ? writer.shape(shape, nullptr) : writer.shape(nullptr, shape); };
    int index = find();
    if (writer.items() == items_max || index < 0) {
      KVC_TRY(writer.flush_items());
      if (index < 0) {
        writer.forget_shapes();
        index = find();
      }
    }
    const std::uint64_t paged = region.offset_of(slice.layer, slice.slot);
    const std::uint64_t shape_bits = static_cast<std::uint64_t>(index) << kOffsetBits;
    writer.add_item({(gather ? paged : slice.offset) | shape_bits, gather ? slice.offset : paged});
  }
  return writer.flush_items();
}

kvc_status plan_slices(const kvc_region& region, const kvc_slice* slices, std::size_t count, const std::uint8_t* wire,
                       bool gather, const std::uint8_t* from, std::uint8_t* to, PagedLauncher& launcher) {
  std::uint64_t bits = region.alignment_bits;
  for (std::size_t i = 0; i < count; ++i) {
    bits |= (address(region.start) + region.offset_of(slices[i].layer, slices[i].slot)) |
            (address(wire) + slices[i].offset);
  }
  const std::uint32_t unit = unit_of(bits);
  const bool few_shapes = region.shapes.size() <= SmallSlices::kShapesMax;
  if (few_shapes && count <= SmallSlices::kItemsMax) {
    return write_slices<SmallSlices>(region, slices, count, from, to, gather, unit, launcher);
  }
  if (few_shapes && count <= MediumSlices::kItemsMax) {
    return write_slices<MediumSlices>(region, slices, count, from, to, gather, unit, launcher);
  }
  return write_slices<LargeSlices>(region, slices, count, from, to, gather, unit, launcher);
}

SlotRule rule_of(const kvc_slice_plan& plan) {
  // Slots are below 2^31, so that a block of more than 2^30 is divided by as one that holds them all.
  return {divide_by(std::min(plan.slots_per_block, 0x7fffffffu)), plan.block_stride, plan.slot_stride};
}

bool same_slots(const kvc_slice_plan& a, const kvc_slice_plan& b) {
  return a.block_stride == b.block_stride && a.slot_stride == b.slot_stride && a.slots_per_block == b.slots_per_block;
}

template <class Table>
kvc_status write_blocks(const kvc_region& from, const kvc_region& to, const kvc_pair* slots, std::size_t slot_count,
                        const kvc_pair* layers, std::size_t layer_count, std::uint32_t unit, PagedLauncher& launcher) {
  TableWriter<Table> writer(from.slice_bytes, unit, from.start, to.start, launcher);
  std::size_t next = 0;
  while (next < layer_count) {
    const kvc_slice_plan& from_slots = from.plans[layers[next].from];
    const kvc_slice_plan& to_slots = to.plans[layers[next].to];
    writer.forget_layers();
    writer.forget_shapes();
    // As many layers as share the slots' strides, which is all of them in any engine's cache.
    for (; next < layer_count && !writer.layers_full(); ++next) {
      const kvc_pair& layer = layers[next];
      if (!same_slots(from_slots, from.plans[layer.from]) || !same_slots(to_slots, to.plans[layer.to])) break;
      const int shape =
          writer.shape(&from.shapes[from.shape_of_layer[layer.from]], &to.shapes[to.shape_of_layer[layer.to]]);
      if (shape < 0) break;
      writer.add_layer(from.plans[layer.from].base, to.plans[layer.to].base, shape);
    }
    writer.slot_rules(rule_of(from_slots), rule_of(to_slots));
    const std::uint32_t items_max = writer.items_max();
    for (std::size_t i = 0; i < slot_count; ++i) {
      if (writer.items() == items_max) KVC_TRY(writer.flush_items());
      writer.add_item({slots[i].from, slots[i].to});
    }
    KVC_TRY(writer.flush_items());
  }
  return KVC_OK;
}

}  // namespace

kvc_region::LayerShape longest_runs(kvc_region::LayerShape shape) {
  std::stable_sort(shape.loops, shape.loops + 3,
                   [](const kvc_loop& a, const kvc_loop& b) { return std::llabs(a.stride) > std::llabs(b.stride); });
  // Loops of one turn have stride 0, so they have gone to the end; a loop that steps over the run joins it.
  kvc_region::LayerShape merged;
  merged.run_bytes = shape.run_bytes;
  int kept = 3;
  for (int i = 2; i >= 0; --i) {
    const kvc_loop& loop = shape.loops[i];
    if (loop.count == 1) continue;
    if (kept == 3 && loop.stride > 0 && static_cast<std::uint64_t>(loop.stride) == merged.run_bytes) {
      merged.run_bytes *= loop.count;
    } else {
      merged.loops[--kept] = loop;
    }
  }
  while (kept > 0) merged.loops[--kept] = {1, 0};
  return merged;
}

kvc_status check_slices(const kvc_region& region, const kvc_slice* slices, std::size_t count, std::size_t wire_bytes) {
  if (wire_bytes >= kOffsetMax) return fail(KVC_ERROR_ARGUMENT, "wire has 2^48 bytes or more");
  for (std::size_t i = 0; i < count; ++i) {
    const kvc_slice& slice = slices[i];
    if (slice.slot >= region.slots) {
      return fail(KVC_ERROR_ARGUMENT, "slice %zu: slot %u of %u", i, slice.slot, region.slots);
    }
    if (slice.layer >= region.plans.size()) {
      return fail(KVC_ERROR_ARGUMENT, "slice %zu: layer %u of %zu", i, slice.layer, region.plans.size());
    }
    if (slice.offset > wire_bytes || wire_bytes - slice.offset < region.slice_bytes) {
      return fail(KVC_ERROR_ARGUMENT, "slice %zu: %llu bytes at offset %llu of %zu", i,
                  static_cast<unsigned long long>(region.slice_bytes), static_cast<unsigned long long>(slice.offset),
                  wire_bytes);
    }
  }
  return KVC_OK;
}

kvc_status plan_gather(const kvc_region& region, const kvc_slice* slices, std::size_t count, std::uint8_t* wire,
                       PagedLauncher& launcher) {
  return plan_slices(region, slices, count, wire, true, region.start, wire, launcher);
}

kvc_status plan_scatter(const kvc_region& region, const kvc_slice* slices, std::size_t count, const std::uint8_t* wire,
                        PagedLauncher& launcher) {
  return plan_slices(region, slices, count, wire, false, wire, region.start, launcher);
}

kvc_status check_blocks(const kvc_region& from, const kvc_region& to, const kvc_pair* slots, std::size_t slot_count,
                        const kvc_pair* layers, std::size_t layer_count) {
  if (from.slice_bytes != to.slice_bytes) {
    return fail(KVC_ERROR_ARGUMENT, "slices of %llu bytes to slices of %llu",
                static_cast<unsigned long long>(from.slice_bytes), static_cast<unsigned long long>(to.slice_bytes));
  }
  for (std::size_t i = 0; i < slot_count; ++i) {
    if (slots[i].from >= from.slots || slots[i].to >= to.slots) {
      return fail(KVC_ERROR_ARGUMENT, "pair %zu: slot %u of %u to slot %u of %u", i, slots[i].from, from.slots,
                  slots[i].to, to.slots);
    }
  }
  for (std::size_t i = 0; i < layer_count; ++i) {
    if (layers[i].from >= from.plans.size() || layers[i].to >= to.plans.size()) {
      return fail(KVC_ERROR_ARGUMENT, "pair %zu: layer %u of %zu to layer %u of %zu", i, layers[i].from,
                  from.plans.size(), layers[i].to, to.plans.size());
    }
  }
  return KVC_OK;
}

kvc_status plan_blocks(const kvc_region& from, const kvc_region& to, const kvc_pair* slots, std::size_t slot_count,
                       const kvc_pair* layers, std::size_t layer_count, PagedLauncher& launcher) {
  std::uint64_t bits = from.alignment_bits | to.alignment_bits | address(from.start) | address(to.start);
  for (std::size_t i = 0; i < layer_count; ++i) {
    const kvc_slice_plan& a = from.plans[layers[i].from];
    const kvc_slice_plan& b = to.plans[layers[i].to];
    bits |= a.base | b.base | a.block_stride | b.block_stride;
    if (a.slots_per_block > 1) bits |= a.slot_stride;
    if (b.slots_per_block > 1) bits |= b.slot_stride;
  }
  const std::uint32_t unit = unit_of(bits);
  const bool few =
      layer_count <= SmallSlots::kLayersMax && from.shapes.size() * to.shapes.size() <= SmallSlots::kShapesMax;
  if (few && slot_count <= SmallSlots::kItemsMax) {
    return write_blocks<SmallSlots>(from, to, slots, slot_count, layers, layer_count, unit, launcher);
  }
  if (few && slot_count <= MediumSlots::kItemsMax) {
    return write_blocks<MediumSlots>(from, to, slots, slot_count, layers, layer_count, unit, launcher);
  }
  return write_blocks<LargeSlots>(from, to, slots, slot_count, layers, layer_count, unit, launcher);
}

}  // namespace kvc
