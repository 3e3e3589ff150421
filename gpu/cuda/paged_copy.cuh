// The paged copy on the device.
#pragma once

#include "gpu/cuda/paged_table.h"

#include <cstdint>

namespace kvc {

constexpr unsigned kCopyThreads = 256;

/// Each warp takes a chunk at a time: neighbouring lanes have neighbouring units in wire order, so that both sides are
/// read and written in whole sectors wherever runs are that long. kFrom and kTo say which sides have more than one run;
/// kSame that both walk alike, in which case the units are in the walk's own order.
///
/// Four loads go out before the first store; with four blocks a multiprocessor 64 KiB are under way on each, several
/// times what the memory's latency needs. Loads have no cache hint: evict-first costs 4 %.
template <class Unit, bool kFrom, bool kTo, bool kSame, class Table>
__global__ void __launch_bounds__(kCopyThreads, 4) paged_copy(const __grid_constant__ Table table) {
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t warps = gridDim.x * (blockDim.x / 32);
  const std::uint32_t units = table.head.units_per_slice;
  for (std::uint32_t chunk = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; chunk < table.head.chunks;
       chunk += warps) {
    const Chunk at = locate(table, chunk);
    const Shape& shape = table.shapes[at.shape];
    const std::uint32_t first = at.first_unit + lane;
    Unit held[kUnitsPerLane];
    std::int64_t offsets[kUnitsPerLane];
#pragma unroll
    for (std::uint32_t i = 0; i < kUnitsPerLane; ++i) {
      const std::uint32_t unit = first + 32 * i;
      if (unit >= units) continue;
      offsets[i] = kFrom || kSame ? shape.from.offset(unit, sizeof(Unit))
                                  : static_cast<std::int64_t>(unit) * static_cast<std::int64_t>(sizeof(Unit));
      held[i] = *reinterpret_cast<const Unit*>(at.from + offsets[i]);
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kUnitsPerLane; ++i) {
      const std::uint32_t unit = first + 32 * i;
      if (unit >= units) continue;
      const std::int64_t offset =
          kTo && !kSame
              ? shape.to.offset(unit, sizeof(Unit))
              : (kSame ? offsets[i] : static_cast<std::int64_t>(unit) * static_cast<std::int64_t>(sizeof(Unit)));
      *reinterpret_cast<Unit*>(at.to + offset) = held[i];
    }
  }
}

}  // namespace kvc
