#include "gpu/cuda_chunk.h"

#include "gpu/cuda_chunk_ring.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// Crosses PCIe in 40 µs, in which the second one is gathered.
constexpr std::size_t kFirstChunkBytes = 2u << 20;
constexpr std::size_t kSecondChunkBytes = 14u << 20;

std::size_t chunk_bytes_max(unsigned number, CudaRoute route) {
  // A thread copies 10 GB/s: small chunks let it and the kernels work side by side.
  if (route == CudaRoute::kBounce) return kCudaBounceSlotBytes / 8;
  if (number == 0) return kFirstChunkBytes;
  if (number == 1) return kSecondChunkBytes;
  return kCudaDeviceSlotBytes;
}

void append_run(std::vector<HostRun>& runs, std::uint8_t* host, std::size_t offset, std::size_t bytes) {
  if (!runs.empty() && runs.back().host + runs.back().bytes == host) {
    runs.back().bytes += bytes;
  } else {
    runs.push_back({host, offset, bytes});
  }
}

}  // namespace

CudaSpread spread_of(std::vector<SliceCopy>& slices, std::size_t slice_bytes, const PinnedRanges& pinned) {
  const auto by_host = [](const SliceCopy& a, const SliceCopy& b) { return a.host < b.host; };
  if (!std::is_sorted(slices.begin(), slices.end(), by_host)) std::sort(slices.begin(), slices.end(), by_host);
  CudaSpread spread{slice_bytes, false, false};
  std::size_t runs = 0;
  bool pageable = false;
  PinnedRange range;
  const std::uint8_t* run_end = nullptr;
  for (const SliceCopy& slice : slices) {
    if (slice.host != run_end) ++runs;
    run_end = slice.host + slice_bytes;
    if (!range.contains(slice.host, slice_bytes)) range = pinned.find(slice.host, slice_bytes);
    pageable = pageable || range.start == nullptr;
  }
  const std::size_t bytes = slices.size() * slice_bytes;
  spread.by_kernel = bytes <= kCudaKernelBytesMax || bytes < runs * kCudaRunBytesMin;
  spread.uses_slots = pageable || !spread.by_kernel;
  return spread;
}

CudaChunk next_chunk(const std::vector<SliceCopy>& slices, std::size_t first, unsigned number, const CudaSpread& spread,
                     const PinnedRanges& pinned) {
  CudaChunk chunk;
  chunk.pinned = pinned.find(slices[first].host, spread.slice_bytes);
  const bool is_pinned = chunk.pinned.start != nullptr;
  chunk.route = !is_pinned ? CudaRoute::kBounce : spread.by_kernel ? CudaRoute::kKernel : CudaRoute::kRing;
  const bool in_slot = chunk.route != CudaRoute::kKernel;
  const std::size_t bytes_max = std::max(chunk_bytes_max(number, chunk.route), spread.slice_bytes);
  std::size_t offset = 0;
  for (chunk.end = first; chunk.end < slices.size(); ++chunk.end, offset += spread.slice_bytes) {
    const SliceCopy& slice = slices[chunk.end];
    if (in_slot && offset + spread.slice_bytes > bytes_max) break;
    if (is_pinned ? !chunk.pinned.contains(slice.host, spread.slice_bytes)
                  : pinned.find(slice.host, spread.slice_bytes).start != nullptr) {
      break;
    }
    const std::size_t at = in_slot ? offset : static_cast<std::size_t>(slice.host - chunk.pinned.start);
    chunk.slices.push_back({slice.slot, slice.layer, at});
    if (in_slot) append_run(chunk.runs, slice.host, offset, spread.slice_bytes);
  }
  return chunk;
}

bool share_host_memory(const std::vector<SliceCopy>& a, std::size_t a_slice_bytes, const std::vector<SliceCopy>& b,
                       std::size_t b_slice_bytes) {
  auto in_a = a.begin();
  auto in_b = b.begin();
  while (in_a != a.end() && in_b != b.end()) {
    if (in_a->host + a_slice_bytes <= in_b->host) {
      ++in_a;
    } else if (in_b->host + b_slice_bytes <= in_a->host) {
      ++in_b;
    } else {
      return true;
    }
  }
  return false;
}

}  // namespace kvp2p
