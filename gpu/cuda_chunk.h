// Cuts a list of slices into chunks, each with the fastest way to its host memory. No device calls.
#pragma once

#include "gpu/connector.h"
#include "gpu/cuda/kvcache.h"
#include "gpu/cuda_host_ranges.h"

#include <cstddef>
#include <vector>

namespace kvp2p {

enum class CudaRoute : std::uint8_t {
  /// The kernel itself reads or writes pinned memory: the shortest way, 52 GB/s.
  kKernel,
  /// Kernel and device ring, then a copy engine: 53 GB/s, and the multiprocessors are free while bytes cross PCIe.
  kRing,
  /// Pageable memory: the kernel and pinned slots, then a thread.
  kBounce,
};

/// Up to here the copy engine's start costs more than it saves: a frame of a fetch at most, of which many are under
/// way, and each on the ring would hold a whole slot.
inline constexpr std::size_t kCudaKernelBytesMax = 2u << 20;
/// Shorter runs keep a copy engine from its speed (11 GB/s at 32 KiB).
inline constexpr std::size_t kCudaRunBytesMin = 512u << 10;

struct HostRun {
  std::uint8_t* host = nullptr;
  std::size_t offset = 0;  // in the slot
  std::size_t bytes = 0;
};

struct CudaChunk {
  CudaRoute route = CudaRoute::kKernel;
  /// Offsets count from `pinned.start`, or from the slot's start.
  std::vector<kvc_slice> slices;
  PinnedRange pinned;         // kKernel
  std::vector<HostRun> runs;  // the others
  std::size_t end = 0;        // index of the first slice after the chunk
};

/// What is known of a job as a whole.
struct CudaSpread {
  std::size_t slice_bytes = 0;
  /// Pinned slices go by the kernel: little, or scattered.
  bool by_kernel = false;
  /// Some chunk needs a slot.
  bool uses_slots = false;
};

/// Sorts the slices by host address, where they are not, so that neighbours are found.
CudaSpread spread_of(std::vector<SliceCopy>& slices, std::size_t slice_bytes, const PinnedRanges& pinned);

/// The chunk that begins with slices[first]; `number` counts the job's chunks, of which the first are small so that
/// the second step begins early.
CudaChunk next_chunk(const std::vector<SliceCopy>& slices, std::size_t first, unsigned number, const CudaSpread& spread,
                     const PinnedRanges& pinned);

/// Both sorted by host address.
bool share_host_memory(const std::vector<SliceCopy>& a, std::size_t a_slice_bytes, const std::vector<SliceCopy>& b,
                       std::size_t b_slice_bytes);

}  // namespace kvp2p
