// Regions without CUDA: checks of plans and what the kernels need of them.
#include "gpu/cuda/kvcache_region.h"

namespace kvc {

namespace {

bool same_shape(const kvc_region::LayerShape& a, const kvc_region::LayerShape& b) {
  for (int i = 0; i < 3; ++i) {
    if (a.loops[i].count != b.loops[i].count || a.loops[i].stride != b.loops[i].stride) return false;
  }
  return a.run_bytes == b.run_bytes;
}

kvc_region::LayerShape shape_of(const kvc_slice_plan& plan) {
  kvc_region::LayerShape shape;
  for (int i = 0; i < 3; ++i) {
    shape.loops[i] = plan.loops[i];
    if (plan.loops[i].count == 1) shape.loops[i].stride = 0;  // never taken
  }
  shape.run_bytes = plan.run_bytes;
  return shape;
}

}  // namespace

const char* refuse_plan(const kvc_slice_plan& plan, std::uint64_t bytes, std::uint32_t slots) {
  using Wide = __int128;  // no sum or product below overflows it: each factor has 64 bits and is bounded first
  if (plan.run_bytes == 0) return "run_bytes is 0";
  if (plan.slots_per_block == 0) return "slots_per_block is 0";
  if (plan.slice_bytes == 0 || plan.slice_bytes > kSliceBytesMax) return "slice_bytes is 0 or more than 1 GiB";
  Wide product = plan.run_bytes;
  Wide lowest = 0;
  Wide highest = plan.run_bytes;
  for (const kvc_loop& loop : plan.loops) {
    if (loop.count == 0 || loop.count > kSliceBytesMax) return "a loop's count is 0 or too large";
    product *= loop.count;
    if (product > static_cast<Wide>(kSliceBytesMax)) return "the loops make more than slice_bytes";
    const Wide reach = static_cast<Wide>(loop.count - 1) * loop.stride;
    (reach < 0 ? lowest : highest) += reach;
  }
  if (product != static_cast<Wide>(plan.slice_bytes)) return "slice_bytes is not what the loops make";
  if (slots == 0) return nullptr;
  // Slot strides are not negative, so the extremes are at the ends of the last block or of the last full one.
  const std::uint32_t last_block = (slots - 1) / plan.slots_per_block;
  const std::uint32_t within = slots > plan.slots_per_block ? plan.slots_per_block - 1 : slots - 1;
  const Wide in_last = static_cast<Wide>(last_block) * plan.block_stride +
                       static_cast<Wide>((slots - 1) % plan.slots_per_block) * plan.slot_stride;
  const Wide before_last = last_block == 0 ? 0
                                           : static_cast<Wide>(last_block - 1) * plan.block_stride +
                                                 static_cast<Wide>(within) * plan.slot_stride;
  const Wide end = static_cast<Wide>(plan.base) + (in_last > before_last ? in_last : before_last) + highest;
  if (static_cast<Wide>(plan.base) + lowest < 0) return "a plan reaches in front of the region";
  if (end > static_cast<Wide>(bytes)) return "a plan reaches beyond the region's end";
  return nullptr;
}

const char* fill_region(std::uint64_t bytes, const kvc_slice_plan* plans, std::uint32_t layers, std::uint32_t slots,
                        kvc_region* region) {
  if (layers > kLayersMax) return "more than 65536 layers";
  if (bytes >= kOffsetMax) return "a region of 2^48 bytes or more";
  if (slots > 0x7fffffff) return "2^31 slots or more";
  region->bytes = bytes;
  region->slots = slots;
  region->slice_bytes = region->wire_slice_bytes = plans[0].slice_bytes;
  region->plans.assign(plans, plans + layers);
  for (const kvc_slice_plan& plan : region->plans) {
    if (const char* reason = refuse_plan(plan, bytes, slots)) return reason;
    if (plan.slice_bytes != region->slice_bytes) return "layers differ in slice_bytes";
    const kvc_region::LayerShape shape = shape_of(plan);
    // Usually the first or the last: layers differ in more than the base only where K and V are separate tensors.
    std::uint32_t index = 0;
    while (index < region->shapes.size() && !same_shape(region->shapes[index], shape)) ++index;
    if (index == region->shapes.size()) region->shapes.push_back(shape);
    region->shape_of_layer.push_back(index);
    region->alignment_bits |= shape.run_bytes | plan.base | plan.block_stride;
    if (plan.slots_per_block > 1) region->alignment_bits |= plan.slot_stride;
    for (const kvc_loop& loop : shape.loops) region->alignment_bits |= static_cast<std::uint64_t>(loop.stride);
  }
  return nullptr;
}

const char* fill_coding(kvc_codec codec, kvc_element element, std::uint32_t head_dim, std::uint32_t rows,
                        kvc_region* region) {
  region->coding = {};
  region->wire_slice_bytes = region->slice_bytes;
  if (codec == KVC_CODEC_NONE) return nullptr;
  if (codec != KVC_CODEC_INT8 && codec != KVC_CODEC_FP8 && codec != KVC_CODEC_INT4) return "no such codec";
  if (element != KVC_F32 && element != KVC_F16 && element != KVC_BF16) return "no codec for such elements";
  const bool nibbles = codec == KVC_CODEC_INT4;
  const std::uint32_t element_bytes = element == KVC_F32 ? 4 : 2;
  if (head_dim == 0 || head_dim > 65536 || rows == 0 || rows > 65536) return "head_dim or rows is out of bounds";
  const std::uint64_t row_bytes = std::uint64_t{head_dim} * element_bytes;
  const std::uint64_t head_bytes = row_bytes * rows;
  if (region->slice_bytes % head_bytes != 0) return "a slice is not made of whole heads";
  for (const kvc_region::LayerShape& shape : region->shapes) {
    if (shape.run_bytes % row_bytes != 0) return "a run is not made of whole rows";
  }
  const std::uint64_t addresses = region->alignment_bits | reinterpret_cast<std::uintptr_t>(region->start);
  if (addresses % element_bytes != 0) return "elements are not aligned to their own size";
  Coding coding;
  coding.codec = codec;
  coding.element = element;
  coding.element_bytes = element_bytes;
  coding.head_dim = head_dim;
  coding.group = nibbles ? 32 : 64;
  coding.elements_per_byte_log2 = nibbles ? 1 : 0;
  const std::uint32_t row_groups = (head_dim + coding.group - 1) / coding.group;
  const std::uint64_t heads = region->slice_bytes / head_bytes;
  // A launch has up to 1,600 slices, and groups are counted in 31 bits.
  if (heads * rows * row_groups > kSliceGroupsMax) return "a slice has more than 2^20 groups";
  coding.packed_row_bytes = nibbles ? (head_dim + 1) / 2 : head_dim;
  coding.scales_bytes = rows * row_groups * 2;
  coding.coded_head_bytes = coding.scales_bytes + rows * coding.packed_row_bytes;
  coding.engine_head_bytes = static_cast<std::uint32_t>(head_bytes);
  coding.row_groups = divide_by(row_groups);
  coding.head_groups = divide_by(rows * row_groups);
  coding.slice_groups = divide_by(static_cast<std::uint32_t>(heads) * rows * row_groups);
  region->coding = coding;
  region->wire_slice_bytes = heads * coding.coded_head_bytes;
  return nullptr;
}

Walk make_walk(const kvc_region::LayerShape& shape, std::uint32_t unit) {
  Walk walk;
  walk.run = divide_by(static_cast<std::uint32_t>(shape.run_bytes / unit));
  walk.inner = divide_by(static_cast<std::uint32_t>(shape.loops[2].count));
  walk.middle = divide_by(static_cast<std::uint32_t>(shape.loops[1].count));
  for (int i = 0; i < 3; ++i) walk.strides[i] = shape.loops[i].stride;
  return walk;
}

Walk make_wire_walk(std::uint64_t slice_bytes, std::uint32_t unit) {
  Walk walk;
  walk.run = divide_by(static_cast<std::uint32_t>(slice_bytes / unit));
  return walk;
}

}  // namespace kvc
