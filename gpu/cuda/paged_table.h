// What one launch of the paged copy is told: which slices, from where to where. It travels as kernel parameters, so
// nothing is allocated, copied or waited for, and the caller's arrays may go at once.
#pragma once

#include "gpu/cuda/paged_address.h"

#include <cstdint>

namespace kvc {

/// A warp takes 32 lanes * 4 units at a time: 2 KiB in the usual units of 16 bytes, whose four loads are all under way
/// before the first store.
constexpr std::uint32_t kUnitsPerLane = 4;
constexpr std::uint32_t kUnitsPerChunk = 32 * kUnitsPerLane;
/// What a warp takes where runs are long enough for bulk copies.
constexpr std::uint32_t kBulkBytes = 4096;
constexpr std::uint32_t kBulkRunBytesMin = 256;

/// How both sides walk a slice. On a side in wire order the walk is one run.
struct Shape {
  Walk from;
  Walk to;
};

/// A slice somewhere: bytes from the bases. The top 16 bits of `from` are an index into the shapes.
struct SliceItem {
  std::uint64_t from;
  std::uint64_t to;
};
constexpr std::uint32_t kOffsetBits = 48;
constexpr std::uint64_t kOffsetMax = std::uint64_t{1} << kOffsetBits;

/// A slot on either side, as the caller gave it: half the size, and nothing to compute on the host.
struct SlotItem {
  std::uint32_t from;
  std::uint32_t to;
};

/// Where a side's slots lie.
struct SlotRule {
  Divisor slots_per_block;
  std::uint64_t block_stride = 0;
  std::uint64_t slot_stride = 0;

  KVC_BOTH std::uint64_t offset(std::uint32_t slot) const {
    const std::uint32_t block = slots_per_block.quotient(slot);
    return block * block_stride + (slot - block * slots_per_block.divisor) * slot_stride;
  }
};

/// Added to every item: the product of slot pairs and layer pairs needs no table of its own.
struct TableLayer {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::uint32_t shape = 0;
};

struct TableHead {
  const std::uint8_t* from_base = nullptr;
  std::uint8_t* to_base = nullptr;
  /// Chunks in all, < 2^31: items * layers * chunks_per_slice.
  std::uint32_t chunks = 0;
  std::uint32_t units_per_slice = 0;
  std::uint32_t units_per_chunk = 0;
  Divisor chunks_per_slice;
  Divisor items;  // the items of the table: neighbouring slices are neighbouring items of one layer
  SlotRule from_slots, to_slots;
};

template <class ItemType, std::uint32_t kShapes, std::uint32_t kLayers, std::uint32_t kItems>
struct PagedTable {
  using Item = ItemType;
  static constexpr std::uint32_t kShapesMax = kShapes;
  static constexpr std::uint32_t kLayersMax = kLayers;
  static constexpr std::uint32_t kItemsMax = kItems;

  TableHead head;
  Shape shapes[kShapes];
  TableLayer layers[kLayers];
  Item items[kItems];
};

/// Kernel parameters may take 4 KB anywhere and 32,764 bytes since sm_70 with CUDA 12.1. They are sent whole: 32 KB
/// take 5 µs longer than 4 KB, so that each copy gets the smallest table that holds it.
using SmallSlices = PagedTable<SliceItem, 2, 1, 220>;
using MediumSlices = PagedTable<SliceItem, 2, 1, 480>;
using LargeSlices = PagedTable<SliceItem, 48, 1, 1600>;
using SmallSlots = PagedTable<SlotItem, 2, 40, 320>;
using MediumSlots = PagedTable<SlotItem, 2, 40, 2048>;
using LargeSlots = PagedTable<SlotItem, 16, 128, 3400>;
static_assert(sizeof(SmallSlices) <= 4096 && sizeof(SmallSlots) <= 4096, "kernel parameters");
static_assert(sizeof(LargeSlices) <= 32764 && sizeof(LargeSlots) <= 32764, "kernel parameters");

/// Where a chunk's slice lies and which of its units are the chunk's.
struct Chunk {
  const std::uint8_t* from;
  std::uint8_t* to;
  std::uint32_t shape;
  std::uint32_t first_unit;
};

KVC_BOTH void place(const TableHead& head, const SliceItem& item, Chunk& chunk) {
  chunk.from = head.from_base + (item.from & (kOffsetMax - 1));
  chunk.to = head.to_base + item.to;
  chunk.shape = static_cast<std::uint32_t>(item.from >> kOffsetBits);
}

KVC_BOTH void place(const TableHead& head, const SlotItem& item, Chunk& chunk) {
  chunk.from = head.from_base + head.from_slots.offset(item.from);
  chunk.to = head.to_base + head.to_slots.offset(item.to);
  chunk.shape = 0;
}

template <class Table>
KVC_BOTH Chunk locate(const Table& table, std::uint32_t chunk) {
  const std::uint32_t slice = table.head.chunks_per_slice.quotient(chunk);
  const std::uint32_t part = chunk - slice * table.head.chunks_per_slice.divisor;
  const std::uint32_t layer_index = table.head.items.quotient(slice);
  const TableLayer& layer = table.layers[layer_index];
  Chunk found;
  place(table.head, table.items[slice - layer_index * table.head.items.divisor], found);
  found.from += layer.from;
  found.to += layer.to;
  found.shape += layer.shape;
  found.first_unit = part * table.head.units_per_chunk;
  return found;
}

/// Bytes of the bulk copies that a walk makes of a chunk: its runs, or the chunk where runs are longer.
KVC_BOTH std::uint32_t bulk_run_bytes(const Walk& walk) {
  const std::uint32_t run = walk.run.divisor * 16;
  return run < kBulkBytes ? run : kBulkBytes;
}

}  // namespace kvc
