// Gathers that code and scatters that decode, on the device.
#pragma once

#include "gpu/cuda/coding.h"

#include <cstdint>

namespace kvc {

constexpr unsigned kCodedThreads = 256;

/// Lanes of a group are neighbours and a power of two, all or none of them here.
template <unsigned kLanes>
__device__ __forceinline__ std::uint32_t largest_of_group(std::uint32_t mine) {
  const unsigned in_warp = threadIdx.x % 32;
  const unsigned mask = (kLanes == 32 ? 0xffffffffu : (1u << kLanes) - 1) << (in_warp / kLanes * kLanes);
#pragma unroll
  for (unsigned distance = kLanes / 2; distance > 0; distance /= 2) {
    const std::uint32_t other = __shfl_xor_sync(mask, mine, distance);
    mine = mine < other ? other : mine;
  }
  return mine;
}

template <class Table>
__device__ __forceinline__ Chunk slice_of(const Table& table, std::uint32_t slice) {
  Chunk at;
  place(table.head, table.items[slice], at);
  return at;
}

/// Everything aligned: 16 bytes of the engine's a lane, 4 to 16 lanes a group.
template <kvc_codec kCodec, class T, bool kEncode, class Table>
__global__ void __launch_bounds__(kCodedThreads)
    code_pieces(const __grid_constant__ Table table, const __grid_constant__ Coding coding) {
  constexpr unsigned kLanes = kLanesOfGroup<kCodec, T>;
  const std::uint32_t groups = table.head.items.divisor * coding.slice_groups.divisor;
  const unsigned lane = threadIdx.x % kLanes;
  const std::uint32_t step = gridDim.x * (kCodedThreads / kLanes);
  for (std::uint32_t group = blockIdx.x * (kCodedThreads / kLanes) + threadIdx.x / kLanes; group < groups;
       group += step) {
    const std::uint32_t slice = coding.slice_groups.quotient(group);
    const Chunk at = slice_of(table, slice);
    const GroupPlace where = place_group(coding, group - slice * coding.slice_groups.divisor);
    if (kEncode) {
      const auto piece = load_piece<T>(coding, table.shapes[at.shape].from, at.from, where, lane);
      const std::uint32_t largest = largest_of_group<kLanes>(largest_magnitude(piece));
      const std::uint16_t scale = coding::scale_of(largest, CodecOf<kCodec>::kLargest);
      store_coded_piece<kCodec, T>(piece, scale, at.to, where, lane);
    } else {
      decode_one_piece<kCodec, T>(coding, table.shapes[at.shape].to, at.from, at.to, where, lane);
    }
  }
}

template <bool kEncode, class Table>
struct CodePair {
  const Table& table;
  const Coding& coding;
  const Chunk& at;
  const GroupPlace& where;
  unsigned lane;

  template <kvc_codec kCodec, class T>
  __device__ __forceinline__ void run() const {
    if (kEncode) {
      const auto pair = load_pair<T>(coding, table.shapes[at.shape].from, at.from, where, lane);
      const std::uint32_t largest = largest_of_group<32>(largest_magnitude(pair));
      const std::uint16_t scale = coding::scale_of(largest, CodecOf<kCodec>::kLargest);
      store_coded_pair<kCodec, T>(pair, scale, at.to, where, lane);
    } else {
      decode_one_pair<kCodec, T>(coding, table.shapes[at.shape].to, at.from, at.to, where, lane);
    }
  }
};

/// Any head_dim, any alignment: a warp a group, two elements a lane.
template <bool kEncode, class Table>
__global__ void __launch_bounds__(kCodedThreads)
    code_pairs(const __grid_constant__ Table table, const __grid_constant__ Coding coding) {
  const std::uint32_t groups = table.head.items.divisor * coding.slice_groups.divisor;
  const std::uint32_t step = gridDim.x * (kCodedThreads / 32);
  for (std::uint32_t group = blockIdx.x * (kCodedThreads / 32) + threadIdx.x / 32; group < groups; group += step) {
    const std::uint32_t slice = coding.slice_groups.quotient(group);
    const Chunk at = slice_of(table, slice);
    const GroupPlace where = place_group(coding, group - slice * coding.slice_groups.divisor);
    with_types(coding, CodePair<kEncode, Table>{table, coding, at, where, threadIdx.x % 32});
  }
}

}  // namespace kvc
