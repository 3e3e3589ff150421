// Paged gather, scatter and copies between regions: checks on the host, then as few launches as the tables allow.
#include "gpu/cuda/coded_launcher.h"
#include "gpu/cuda/kvcache_device.h"
#include "gpu/cuda/kvcache_launch.cuh"
#include "gpu/cuda/kvcache_region.h"
#include "gpu/cuda/paged_bulk.cuh"
#include "gpu/cuda/paged_copy.cuh"
#include "gpu/cuda/paged_plan.h"

#include <algorithm>
#include <utility>

namespace kvc {

namespace {

/// Enough warps to fill PCIe with reads from host memory (a block has 16 KiB under way), few enough that the engine
/// does not miss the multiprocessors.
constexpr unsigned kHostCopyBlocks = 32;

class KernelLauncher final : public PagedLauncher {
 public:
  KernelLauncher(int device, bool host, cudaStream_t stream)
      : multiprocessors_(std::max(multiprocessors(device), 1)),
        host_(host),
        bulk_(!host && compute_major(device) >= 9),
        stream_(stream) {}

  bool has_bulk() const override { return bulk_; }
  kvc_status launch(const SmallSlices& table, const CopyKind& kind) override { return dispatch(table, kind); }
  kvc_status launch(const MediumSlices& table, const CopyKind& kind) override { return dispatch(table, kind); }
  kvc_status launch(const LargeSlices& table, const CopyKind& kind) override { return dispatch(table, kind); }
  kvc_status launch(const SmallSlots& table, const CopyKind& kind) override { return dispatch(table, kind); }
  kvc_status launch(const MediumSlots& table, const CopyKind& kind) override { return dispatch(table, kind); }
  kvc_status launch(const LargeSlots& table, const CopyKind& kind) override { return dispatch(table, kind); }

 private:
  template <class Table>
  kvc_status dispatch(const Table& table, const CopyKind& kind) {
    if (kind.bulk) return start_bulk(table);
    switch (kind.unit_bytes) {
      case 16:
        switch (kind.mode) {
          case CopyMode::kPlain:
            return start(paged_copy<uint4, false, false, false, Table>, table);
          case CopyMode::kFromWalks:
            return start(paged_copy<uint4, true, false, false, Table>, table);
          case CopyMode::kToWalks:
            return start(paged_copy<uint4, false, true, false, Table>, table);
          case CopyMode::kSameWalk:
            return start(paged_copy<uint4, true, true, true, Table>, table);
          case CopyMode::kBothWalk:
            break;
        }
        return start(paged_copy<uint4, true, true, false, Table>, table);
      // Odd layouts: one kernel a unit, for any mode.
      case 8:
        return start(paged_copy<uint2, true, true, false, Table>, table);
      case 4:
        return start(paged_copy<unsigned, true, true, false, Table>, table);
      case 2:
        return start(paged_copy<unsigned short, true, true, false, Table>, table);
      default:
        return start(paged_copy<unsigned char, true, true, false, Table>, table);
    }
  }

  /// Small copies are spread over all multiprocessors by smaller blocks.
  unsigned warps_for(unsigned chunks, unsigned most) const {
    unsigned warps = most;
    while (warps > 2 && chunks / warps < multiprocessors_) warps /= 2;
    return warps;
  }

  template <class Table>
  kvc_status start(void (*kernel)(Table), const Table& table) {
    const unsigned warps = warps_for(table.head.chunks, kCopyThreads / 32);
    const unsigned needed = (table.head.chunks + warps - 1) / warps;
    return kvc::launch("launching a paged copy", kernel, host_ ? std::min(needed, kHostCopyBlocks) : needed, warps * 32,
                       stream_, table);
  }

  template <class Table>
  kvc_status start_bulk(const Table& table) {
    const unsigned warps = warps_for(table.head.chunks, kBulkWarps);
    const unsigned blocks = (table.head.chunks + warps - 1) / warps;
    const bool first = std::exchange(first_, false);
    return first ? kvc::launch("launching a paged copy", paged_bulk<Table>, blocks, warps * 32, stream_, table)
                 : launch_early("launching a paged copy", paged_bulk<Table>, blocks, warps * 32, stream_, table);
  }

  unsigned multiprocessors_;
  bool host_;
  bool bulk_;
  /// No grid of this call is in the stream yet, whatever is: the next one waits for that.
  bool first_ = true;
  cudaStream_t stream_;
};

kvc_status check_call(const kvc_region* region, const kvc_slice* slices, size_t count, const void* wire,
                      size_t wire_bytes) {
  if (region == nullptr) return fail(KVC_ERROR_ARGUMENT, "region is null");
  if (count == 0) return KVC_OK;
  if (slices == nullptr || wire == nullptr) return fail(KVC_ERROR_ARGUMENT, "slices or wire is null");
  return check_slices(*region, slices, count, wire_bytes);
}

}  // namespace

}  // namespace kvc

kvc_status kvc_gather(const kvc_region* region, const kvc_slice* slices, size_t count, void* wire, size_t wire_bytes,
                      kvc_stream stream) {
  KVC_TRY(kvc::check_call(region, slices, count, wire, wire_bytes));
  if (count == 0) return KVC_OK;
  const kvc::DeviceGuard guard(region->device);
  KVC_TRY(guard.status());
  kvc::Memory memory;
  KVC_TRY(kvc::reach(region->device, wire, "wire", &memory));
  if (region->coding.codec != KVC_CODEC_NONE) {
    kvc::CodedLauncher coded(*region, true, memory.host, stream);
    return kvc::plan_gather(*region, slices, count, static_cast<std::uint8_t*>(wire), coded);
  }
  kvc::KernelLauncher launcher(region->device, memory.host, stream);
  return kvc::plan_gather(*region, slices, count, static_cast<std::uint8_t*>(wire), launcher);
}

kvc_status kvc_scatter(const kvc_region* region, const kvc_slice* slices, size_t count, const void* wire,
                       size_t wire_bytes, kvc_stream stream) {
  KVC_TRY(kvc::check_call(region, slices, count, wire, wire_bytes));
  if (count == 0) return KVC_OK;
  const kvc::DeviceGuard guard(region->device);
  KVC_TRY(guard.status());
  kvc::Memory memory;
  KVC_TRY(kvc::reach(region->device, wire, "wire", &memory));
  if (region->coding.codec != KVC_CODEC_NONE) {
    kvc::CodedLauncher coded(*region, false, memory.host, stream);
    return kvc::plan_scatter(*region, slices, count, static_cast<const std::uint8_t*>(wire), coded);
  }
  kvc::KernelLauncher launcher(region->device, memory.host, stream);
  return kvc::plan_scatter(*region, slices, count, static_cast<const std::uint8_t*>(wire), launcher);
}

kvc_status kvc_copy_blocks(const kvc_region* from, const kvc_region* to, const kvc_pair* slots, size_t slot_count,
                           const kvc_pair* layers, size_t layer_count, kvc_stream stream) {
  if (from == nullptr || to == nullptr) return kvc::fail(KVC_ERROR_ARGUMENT, "a region is null");
  if ((slot_count > 0 && slots == nullptr) || (layer_count > 0 && layers == nullptr)) {
    return kvc::fail(KVC_ERROR_ARGUMENT, "slots or layers is null");
  }
  KVC_TRY(kvc::check_blocks(*from, *to, slots, slot_count, layers, layer_count));
  if (slot_count == 0 || layer_count == 0) return KVC_OK;
  const kvc::DeviceGuard guard(to->device);
  KVC_TRY(guard.status());
  if (from->device != to->device) KVC_TRY(kvc::reach(to->device, from->start, "the region that is read"));
  kvc::KernelLauncher launcher(to->device, false, stream);
  return kvc::plan_blocks(*from, *to, slots, slot_count, layers, layer_count, launcher);
}
