#include "gpu/cuda/paged_plan.h"

#include "gpu/cuda/kvcache_fail.h"
#include "gpu/cuda/paged_table_writer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace kvc {

namespace {

template <class Pointer>
std::uint64_t address(Pointer pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

/// How many items go in a small table of their own: all, or the first of many where the next grid begins without a
/// pause, so that the device works while the host fills the larger table.
std::size_t begin_with(std::size_t count, std::size_t small_max, const PagedLauncher& launcher) {
  if (count <= small_max) return count;
  return launcher.has_bulk() ? small_max : 0;
}

/// Whether some pair is out of bounds, four numbers at a time: a large copy's start waits for it.
/// REQUIRES: limits in [1, 2^31), as a region's slots are.
bool outside(const kvc_pair* pairs, std::size_t count, std::uint32_t from_limit, std::uint32_t to_limit) {
  using Four = std::uint32_t __attribute__((vector_size(16)));
  const Four last = {from_limit - 1, to_limit - 1, from_limit - 1, to_limit - 1};
  Four bad = {0, 0, 0, 0};  // top bits: of a number from 2^31 on, or of last - number where that is below 0
  std::size_t i = 0;
  for (; i + 2 <= count; i += 2) {
    Four numbers;
    std::memcpy(&numbers, pairs + i, sizeof numbers);
    bad |= numbers | (last - numbers);
  }
  const bool odd_one = i < count && (pairs[i].from >= from_limit || pairs[i].to >= to_limit);
  return odd_one || ((bad[0] | bad[1] | bad[2] | bad[3]) >> 31) != 0;
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
  std::uint64_t bits = region.alignment_bits | address(region.start) | address(wire);
  for (std::size_t i = 0; i < count; ++i) bits |= slices[i].offset;
  const std::uint32_t unit = unit_of(bits);
  const bool few_shapes = region.shapes.size() <= SmallSlices::kShapesMax;
  const std::size_t first = few_shapes ? begin_with(count, SmallSlices::kItemsMax, launcher) : 0;
  if (first > 0) KVC_TRY(write_slices<SmallSlices>(region, slices, first, from, to, gather, unit, launcher));
  if (first == count) return KVC_OK;
  slices += first;
  count -= first;
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
    const std::size_t items_max = writer.items_max();
    for (std::size_t i = 0; i < slot_count; i += items_max) {
      writer.add_items(slots + i, std::min(items_max, slot_count - i));
      KVC_TRY(writer.flush_items());
    }
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
    if (slice.offset > wire_bytes || wire_bytes - slice.offset < region.wire_slice_bytes) {
      return fail(KVC_ERROR_ARGUMENT, "slice %zu: %llu bytes at offset %llu of %zu", i,
                  static_cast<unsigned long long>(region.wire_slice_bytes),
                  static_cast<unsigned long long>(slice.offset), wire_bytes);
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
  const bool empty = from.slots == 0 || to.slots == 0;
  if (!empty && !outside(slots, slot_count, from.slots, to.slots)) slot_count = 0;  // no bad one to look for
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
  const std::uint64_t bits = from.alignment_bits | to.alignment_bits | address(from.start) | address(to.start);
  const std::uint32_t unit = unit_of(bits);
  const bool few =
      layer_count <= SmallSlots::kLayersMax && from.shapes.size() * to.shapes.size() <= SmallSlots::kShapesMax;
  const std::size_t first = few ? begin_with(slot_count, SmallSlots::kItemsMax, launcher) : 0;
  if (first > 0) KVC_TRY(write_blocks<SmallSlots>(from, to, slots, first, layers, layer_count, unit, launcher));
  if (first == slot_count) return KVC_OK;
  slots += first;
  slot_count -= first;
  if (few && slot_count <= MediumSlots::kItemsMax) {
    return write_blocks<MediumSlots>(from, to, slots, slot_count, layers, layer_count, unit, launcher);
  }
  return write_blocks<LargeSlots>(from, to, slots, slot_count, layers, layer_count, unit, launcher);
}

}  // namespace kvc
