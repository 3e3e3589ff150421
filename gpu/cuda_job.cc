#include "gpu/cuda_job.h"

#include <algorithm>

namespace kvp2p {

bool is_small(const CudaJob& job) {
  if (!job.spread.by_kernel || job.spread.uses_slots || job.slices.empty()) return false;
  return job.slices.size() * job.spread.slice_bytes <= kCudaSmallBytesMax;
}

namespace {

bool may_join(const CudaJob& job, CudaCopyKind kind, const PinnedRange& range) {
  if (job.kind != kind || !job.host_ready || job.chunks > 0 || job.chunk || job.error.failed()) return false;
  if (!is_small(job)) return false;
  // Sorted by address.
  return range.contains(job.slices.front().host, job.spread.slice_bytes) &&
         range.contains(job.slices.back().host, job.spread.slice_bytes);
}

bool share_a_slot(const CudaJob& a, const CudaJob& b) {
  return std::any_of(a.slices.begin(), a.slices.end(), [&](const SliceCopy& one) {
    return std::any_of(b.slices.begin(), b.slices.end(),
                       [&](const SliceCopy& other) { return one.slot == other.slot && one.layer == other.layer; });
  });
}

bool write_the_same(const CudaJob& a, const CudaJob& b) {
  if (a.kind == CudaCopyKind::kScatter) return share_a_slot(a, b);
  return share_host_memory(a.slices, a.spread.slice_bytes, b.slices, b.spread.slice_bytes);
}

}  // namespace

std::size_t count_together(const std::deque<std::shared_ptr<CudaJob>>& waiting, const PinnedRange& range) {
  std::size_t slices = 0;
  std::size_t bytes = 0;
  std::size_t count = 0;
  for (; count < waiting.size(); ++count) {
    const CudaJob& job = *waiting[count];
    if (!may_join(job, waiting.front()->kind, range)) break;
    slices += job.slices.size();
    bytes += job.slices.size() * job.spread.slice_bytes;
    if (slices > kCudaTogetherSlicesMax || bytes > kCudaTogetherBytesMax) break;
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(count);
    if (std::any_of(waiting.begin(), end, [&](const auto& earlier) { return write_the_same(*earlier, job); })) break;
  }
  return count;
}

}  // namespace kvp2p
