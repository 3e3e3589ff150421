#include "gpu/direct_copy.h"

#include <cstring>

namespace kvp2p {

namespace {

/// Plain slices that follow each other on both sides, not yet copied.
struct JoinedRun {
  const std::uint8_t* from = nullptr;
  std::uint8_t* to = nullptr;
  std::size_t bytes = 0;

  void add(const std::uint8_t* next_from, std::uint8_t* next_to, std::size_t more) {
    if (bytes != 0 && from + bytes == next_from && to + bytes == next_to) {
      bytes += more;
      return;
    }
    flush();
    from = next_from;
    to = next_to;
    bytes = more;
  }
  void flush() {
    if (bytes != 0) std::memcpy(to, from, bytes);
    bytes = 0;
  }
};

void copy_converted(const SlicePlan& from, const std::uint8_t* from_start, Slot from_slot, const SlicePlan& to,
                    std::uint8_t* to_start, Slot to_slot) {
  if (from.is_plain()) {
    scatter_slice(to, from_start + from.offset_of(from_slot), to_start, to_slot);
  } else if (to.is_plain()) {
    gather_slice(from, from_start, from_slot, to_start + to.offset_of(to_slot));
  } else {
    // At most kSliceBytesMax, for as long as the copy thread lives.
    thread_local std::vector<std::uint8_t> wire;
    if (wire.size() < from.slice_bytes) wire.resize(from.slice_bytes);
    gather_slice(from, from_start, from_slot, wire.data());
    scatter_slice(to, wire.data(), to_start, to_slot);
  }
}

}  // namespace

bool differ_only_in_layers(const ObjectFormat& a, const ObjectFormat& b) {
  ObjectFormat same_layers = a;
  same_layers.shard.layer_begin = b.shard.layer_begin;
  same_layers.shard.layer_end = b.shard.layer_end;
  return same_layers == b;
}

void copy_between(const PlannedRegion& from, const PlannedRegion& to, const std::vector<IndexPair>& slots,
                  const std::vector<IndexPair>& layers) {
  JoinedRun run;
  for (const IndexPair& layer : layers) {
    const SlicePlan& source = from.plans[layer.from];
    const SlicePlan& target = to.plans[layer.to];
    const bool plain = source.is_plain() && target.is_plain();
    for (const IndexPair& slot : slots) {
      if (plain) {
        run.add(from.start + source.offset_of(slot.from), to.start + target.offset_of(slot.to), source.slice_bytes);
      } else {
        copy_converted(source, from.start, slot.from, target, to.start, slot.to);
      }
    }
  }
  run.flush();
}

}  // namespace kvp2p
