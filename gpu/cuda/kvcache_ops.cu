// Operations on one sequence's paged cache: rows of heads between a block table's blocks and contiguous tokens.
#include "gpu/cuda/kvcache_device.h"
#include "gpu/cuda/kvcache_launch.cuh"
#include "gpu/cuda/kvcache_region.h"
#include "gpu/cuda/paged_address.h"

#include <algorithm>

using kvc::fail;

namespace kvc {

namespace {

constexpr unsigned kThreads = 256;
constexpr std::uint32_t kPerThread = 4;
constexpr std::uint64_t kUnitsMax = std::uint64_t{1} << 30;  // of a launch: exact divisions

enum class Operation { kAppend, kExtract, kClear };

/// What one launch does: tokens [first, first + units / (units of a token)).
struct Rows {
  std::uint8_t* paged[2];
  std::uint8_t* flat[2];
  std::uint64_t block_stride, token_stride, head_stride, row_bytes;
  const std::uint32_t* block_table;
  Divisor block_tokens, heads, head_units;
  std::uint32_t head_bytes;
  std::uint32_t first;
  std::uint32_t units;
};

template <class Unit>
struct Place {
  Unit* paged;
  Unit* flat;
};

template <class Unit>
__device__ __forceinline__ Place<Unit> place(const Rows& rows, unsigned plane, std::uint32_t index) {
  const std::uint32_t row = rows.head_units.quotient(index);
  const std::uint32_t unit = index - row * rows.head_units.divisor;
  const std::uint32_t token = rows.heads.quotient(row);
  const std::uint32_t head = row - token * rows.heads.divisor;
  const std::uint32_t at = rows.first + token;
  const std::uint32_t block = rows.block_tokens.quotient(at);
  const std::uint32_t within = at - block * rows.block_tokens.divisor;
  const std::uint64_t in_head = std::uint64_t{unit} * sizeof(Unit);
  Place<Unit> found;
  found.paged = reinterpret_cast<Unit*>(rows.paged[plane] + rows.block_table[block] * rows.block_stride +
                                        within * rows.token_stride + head * rows.head_stride + in_head);
  found.flat = reinterpret_cast<Unit*>(rows.flat[plane] + token * rows.row_bytes +
                                       std::uint64_t{head} * rows.head_bytes + in_head);
  return found;
}

/// blockIdx.y is the plane: 0 K, 1 V.
template <class Unit, Operation kOperation>
__global__ void __launch_bounds__(kThreads) paged_rows(const __grid_constant__ Rows rows) {
  const std::uint32_t step = gridDim.x * kThreads;
  for (std::uint32_t first = blockIdx.x * kThreads + threadIdx.x; first < rows.units; first += step * kPerThread) {
    Unit held[kPerThread] = {};
    Unit* to[kPerThread];
#pragma unroll
    for (std::uint32_t i = 0; i < kPerThread; ++i) {
      const std::uint64_t index = first + std::uint64_t{i} * step;
      if (index >= rows.units) continue;
      const Place<Unit> at = place<Unit>(rows, blockIdx.y, static_cast<std::uint32_t>(index));
      to[i] = kOperation == Operation::kExtract ? at.flat : at.paged;
      if (kOperation == Operation::kAppend) held[i] = __ldcs(at.flat);
      if (kOperation == Operation::kExtract) held[i] = __ldcs(at.paged);
    }
#pragma unroll
    for (std::uint32_t i = 0; i < kPerThread; ++i) {
      if (first + std::uint64_t{i} * step < rows.units) *to[i] = held[i];
    }
  }
}

template <class Unit>
kvc_status start(Operation operation, const Rows& rows, bool two_planes, unsigned multiprocessors,
                 cudaStream_t stream) {
  void (*kernel)(Rows) = operation == Operation::kAppend    ? paged_rows<Unit, Operation::kAppend>
                         : operation == Operation::kExtract ? paged_rows<Unit, Operation::kExtract>
                                                            : paged_rows<Unit, Operation::kClear>;
  const unsigned needed = (rows.units + kThreads * kPerThread - 1) / (kThreads * kPerThread);
  const dim3 grid(std::min(needed, multiprocessors * 8), two_planes ? 2 : 1);
  void* arguments[] = {const_cast<Rows*>(&rows)};
  return check(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, dim3(kThreads), arguments, 0, stream),
               "launching an operation on a paged cache");
}

kvc_status start(std::uint32_t unit, Operation operation, const Rows& rows, bool two_planes, unsigned multiprocessors,
                 cudaStream_t stream) {
  switch (unit) {
    case 16:
      return start<uint4>(operation, rows, two_planes, multiprocessors, stream);
    case 8:
      return start<uint2>(operation, rows, two_planes, multiprocessors, stream);
    case 4:
      return start<unsigned>(operation, rows, two_planes, multiprocessors, stream);
    case 2:
      return start<unsigned short>(operation, rows, two_planes, multiprocessors, stream);
    default:
      return start<unsigned char>(operation, rows, two_planes, multiprocessors, stream);
  }
}

kvc_status check_cache(const kvc_paged_cache* cache, std::uint64_t first, std::uint64_t tokens) {
  if (cache == nullptr) return fail(KVC_ERROR_ARGUMENT, "cache is null");
  if (cache->block_tokens == 0 || cache->heads == 0 || cache->head_bytes == 0) {
    return fail(KVC_ERROR_ARGUMENT, "a cache of blocks of %u tokens, %u heads of %u bytes", cache->block_tokens,
                cache->heads, cache->head_bytes);
  }
  const std::uint64_t row_bytes = std::uint64_t{cache->heads} * cache->head_bytes;
  if (row_bytes > kUnitsMax) return fail(KVC_ERROR_ARGUMENT, "a token of more than 1 GiB");
  const std::uint64_t room = std::min<std::uint64_t>(std::uint64_t{cache->blocks} * cache->block_tokens, 0x7fffffff);
  if (first + tokens > room) {
    return fail(KVC_ERROR_ARGUMENT, "tokens [%llu, %llu) of %llu", static_cast<unsigned long long>(first),
                static_cast<unsigned long long>(first + tokens), static_cast<unsigned long long>(room));
  }
  return KVC_OK;
}

/// One range of tokens, both planes; flat_k and flat_v are null to clear.
kvc_status run(int device, const kvc_paged_cache* cache, Operation operation, std::uint32_t first, std::uint32_t tokens,
               const void* flat_k, const void* flat_v, std::uint64_t row_bytes, cudaStream_t stream) {
  KVC_TRY(check_cache(cache, first, tokens));
  const std::uint64_t least = std::uint64_t{cache->heads} * cache->head_bytes;
  if (row_bytes == 0) row_bytes = least;
  if (row_bytes < least)
    return fail(KVC_ERROR_ARGUMENT, "rows %llu bytes apart overlap", static_cast<unsigned long long>(row_bytes));
  if (row_bytes >= kOffsetMax) return fail(KVC_ERROR_ARGUMENT, "rows 2^48 bytes or more apart");
  if (tokens == 0) return KVC_OK;
  const bool two_planes = cache->v != nullptr;
  const DeviceGuard guard(device);
  KVC_TRY(guard.status());
  KVC_TRY(reach(device, cache->k, "the cache's k"));
  if (two_planes) KVC_TRY(reach(device, cache->v, "the cache's v"));
  KVC_TRY(reach(device, cache->block_table, "block_table"));
  if (operation != Operation::kClear) {
    KVC_TRY(reach(device, flat_k, "k"));
    if (two_planes) KVC_TRY(reach(device, flat_v, "v"));
  }
  const auto bits = [](const void* pointer) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(pointer));
  };
  const std::uint32_t unit =
      unit_of(bits(cache->k) | bits(cache->v) | bits(flat_k) | (two_planes ? bits(flat_v) : 0) | cache->block_stride |
              cache->token_stride | cache->head_stride | cache->head_bytes | row_bytes);
  Rows rows = {};
  rows.paged[0] = static_cast<std::uint8_t*>(cache->k);
  rows.paged[1] = static_cast<std::uint8_t*>(cache->v);
  rows.block_stride = cache->block_stride;
  rows.token_stride = cache->token_stride;
  rows.head_stride = cache->head_stride;
  rows.row_bytes = row_bytes;
  rows.block_table = cache->block_table;
  rows.block_tokens = divide_by(std::min<std::uint32_t>(cache->block_tokens, 0x7fffffff));
  rows.heads = divide_by(cache->heads);
  rows.head_units = divide_by(cache->head_bytes / unit);
  rows.head_bytes = cache->head_bytes;
  const std::uint64_t token_units = least / unit;
  const std::uint64_t tokens_max = std::max<std::uint64_t>(kUnitsMax / token_units, 1);
  for (std::uint64_t done = 0; done < tokens; done += tokens_max) {
    const std::uint64_t now = std::min(tokens_max, tokens - done);
    rows.first = static_cast<std::uint32_t>(first + done);
    rows.units = static_cast<std::uint32_t>(now * token_units);
    rows.flat[0] = static_cast<std::uint8_t*>(const_cast<void*>(flat_k)) + done * row_bytes;
    rows.flat[1] = static_cast<std::uint8_t*>(const_cast<void*>(flat_v)) + done * row_bytes;
    KVC_TRY(start(unit, operation, rows, two_planes, std::max(multiprocessors(device), 1), stream));
  }
  return KVC_OK;
}

}  // namespace

}  // namespace kvc

kvc_status kvc_append(int device, const kvc_paged_cache* cache, uint32_t first, uint32_t tokens, const void* k,
                      const void* v, uint64_t row_bytes, kvc_stream stream) {
  return kvc::run(device, cache, kvc::Operation::kAppend, first, tokens, k, v, row_bytes, stream);
}

kvc_status kvc_extract(int device, const kvc_paged_cache* cache, uint32_t first, uint32_t tokens, void* k, void* v,
                       kvc_stream stream) {
  return kvc::run(device, cache, kvc::Operation::kExtract, first, tokens, k, v, 0, stream);
}

kvc_status kvc_merge(int device, const kvc_paged_cache* cache, const void* prefix_k, const void* prefix_v,
                     uint32_t prefix_tokens, const void* tail_k, const void* tail_v, uint32_t tail_tokens,
                     kvc_stream stream) {
  // Both ranges are known to fit before either is queued.
  KVC_TRY(kvc::check_cache(cache, prefix_tokens, tail_tokens));
  KVC_TRY(kvc::run(device, cache, kvc::Operation::kAppend, 0, prefix_tokens, prefix_k, prefix_v, 0, stream));
  return kvc::run(device, cache, kvc::Operation::kAppend, prefix_tokens, tail_tokens, tail_k, tail_v, 0, stream);
}

kvc_status kvc_clear(int device, const kvc_paged_cache* cache, uint32_t first, uint32_t tokens, kvc_stream stream) {
  return kvc::run(device, cache, kvc::Operation::kClear, first, tokens, nullptr, nullptr, 0, stream);
}
