// The paged copy by bulk copies (TMA, sm_90): runs go to shared memory and out again without passing registers.
#pragma once

#include "gpu/cuda/paged_table.h"

#include <cstdint>

namespace kvc {

constexpr unsigned kBulkWarps = 8;

/// Each warp takes one chunk: its lanes start the loads of the chunk's runs, wait for all of them and start the
/// stores. Six blocks of 32 KiB are under way on each multiprocessor, so that no warp needs a second buffer.
///
/// The grids of one call follow each other without a pause: the next begins as soon as this one's last block has, and
/// none ends before the one in front of it.
template <class Table>
__global__ void __launch_bounds__(kBulkWarps * 32) paged_bulk(const __grid_constant__ Table table) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  __shared__ alignas(128) std::uint8_t held[kBulkWarps][kBulkBytes];
  __shared__ std::uint64_t arrived[kBulkWarps];
  asm volatile("griddepcontrol.launch_dependents;");
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t warp = threadIdx.x / 32;
  const std::uint32_t chunk = blockIdx.x * (blockDim.x / 32) + warp;
  if (chunk < table.head.chunks) {
    const auto buffer = static_cast<std::uint32_t>(__cvta_generic_to_shared(held[warp]));
    const auto barrier = static_cast<std::uint32_t>(__cvta_generic_to_shared(&arrived[warp]));
    if (lane == 0) {
      asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(barrier) : "memory");
      asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
      asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
      asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(kBulkBytes) : "memory");
    }
    __syncwarp();
    const Chunk at = locate(table, chunk);
    const Shape& shape = table.shapes[at.shape];
    const std::uint32_t in = bulk_run_bytes(shape.from);
    for (std::uint32_t i = lane * in; i < kBulkBytes; i += 32 * in) {
      asm volatile(
          "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(buffer + i),
          "l"(at.from + shape.from.offset(at.first_unit + i / 16, 16)), "r"(in), "r"(barrier)
          : "memory");
    }
    for (std::uint32_t done = 0; done == 0;) {
      asm volatile("{ .reg .pred p; mbarrier.try_wait.parity.shared.b64 p, [%1], 0; selp.u32 %0, 1, 0, p; }"
                   : "=r"(done)
                   : "r"(barrier)
                   : "memory");
    }
    const std::uint32_t out = bulk_run_bytes(shape.to);
    for (std::uint32_t i = lane * out; i < kBulkBytes; i += 32 * out) {
      asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2;" ::"l"(
                       at.to + shape.to.offset(at.first_unit + i / 16, 16)),
                   "r"(buffer + i), "r"(out)
                   : "memory");
    }
    asm volatile("cp.async.bulk.commit_group;" ::: "memory");
    asm volatile("cp.async.bulk.wait_group 0;" ::: "memory");
  }
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

}  // namespace kvc
