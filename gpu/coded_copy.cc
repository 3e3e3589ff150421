#include "gpu/coded_copy.h"

#include <vector>

namespace kvp2p {

namespace {

/// At most kSliceBytesMax, for as long as the copy thread lives.
std::uint8_t* buffer_of(std::size_t bytes) {
  thread_local std::vector<std::uint8_t> buffer;
  if (buffer.size() < bytes) buffer.resize(bytes);
  return buffer.data();
}

std::size_t coded_bytes(const SlicePlan& plan, const CodedShape& shape) {
  return plan.slice_bytes / shape.engine_bytes() * shape.coded_bytes();
}

}  // namespace

void gather_coded(const SlicePlan& plan, const CodedShape& shape, const std::uint8_t* region, Slot slot,
                  std::uint8_t* coded) {
  const std::uint8_t* wire = region + plan.offset_of(slot);
  if (!plan.is_plain()) {
    std::uint8_t* const buffer = buffer_of(plan.slice_bytes);
    gather_slice(plan, region, slot, buffer);
    wire = buffer;
  }
  encode_head_slices(shape, {wire, plan.slice_bytes}, {coded, coded_bytes(plan, shape)});
}

void scatter_coded(const SlicePlan& plan, const CodedShape& shape, const std::uint8_t* coded, std::uint8_t* region,
                   Slot slot) {
  std::uint8_t* const wire = plan.is_plain() ? region + plan.offset_of(slot) : buffer_of(plan.slice_bytes);
  decode_head_slices(shape, {coded, coded_bytes(plan, shape)}, {wire, plan.slice_bytes});
  if (!plan.is_plain()) scatter_slice(plan, wire, region, slot);
}

}  // namespace kvp2p
