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

/// How both sides walk a slice. On a side in wire order the walk is one run.
struct Shape {
  Walk from;
  Walk to;
};

/// Bytes from the bases. The top 16 bits of `from` are an index into the shapes, to which the layer's is added.
struct TableItem {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};
constexpr std::uint32_t kOffsetBits = 48;
constexpr std::uint64_t kOffsetMax = std::uint64_t{1} << kOffsetBits;

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
  Divisor chunks_per_slice;
  Divisor items;  // the items of the table: neighbouring slices are neighbouring items of one layer
};

template <std::uint32_t kShapes, std::uint32_t kLayers, std::uint32_t kItems>
struct PagedTable {
  static constexpr std::uint32_t kShapesMax = kShapes;
  static constexpr std::uint32_t kLayersMax = kLayers;
  static constexpr std::uint32_t kItemsMax = kItems;

  TableHead head;
  Shape shapes[kShapes];
  TableLayer layers[kLayers];
  TableItem items[kItems];
};

/// Kernel parameters may take 4 KB anywhere and 32,764 bytes since sm_70 with CUDA 12.1. Small ones are quicker to
/// send.
using SmallTable = PagedTable<2, 40, 160>;
using LargeTable = PagedTable<48, 128, 1320>;
static_assert(sizeof(SmallTable) <= 4096 && sizeof(LargeTable) <= 32764, "kernel parameters");

/// Where a chunk's slice lies and which of its units are the chunk's.
struct Chunk {
  const std::uint8_t* from;
  std::uint8_t* to;
  std::uint32_t shape;
  std::uint32_t first_unit;
};

template <class Table>
KVC_BOTH Chunk locate(const Table& table, std::uint32_t chunk) {
  const std::uint32_t slice = table.head.chunks_per_slice.quotient(chunk);
  const std::uint32_t part = chunk - slice * table.head.chunks_per_slice.divisor;
  const std::uint32_t layer_index = table.head.items.quotient(slice);
  const TableItem& item = table.items[slice - layer_index * table.head.items.divisor];
  const TableLayer& layer = table.layers[layer_index];
  Chunk found;
  found.from = table.head.from_base + (item.from & (kOffsetMax - 1)) + layer.from;
  found.to = table.head.to_base + item.to + layer.to;
  found.shape = static_cast<std::uint32_t>(item.from >> kOffsetBits) + layer.shape;
  found.first_unit = part * kUnitsPerChunk;
  return found;
}

}  // namespace kvc
