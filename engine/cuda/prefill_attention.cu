// Causal attention for many queries, on tensor cores (mma.sync, so sm_80 and later), after FlashAttention 2.
//
// A thread block takes 128 queries of one head, 16 a warp, and walks over the keys in tiles of 64 from position 0, with
// the next tile's K and V on their way into the other half of shared memory. Scores and sums are fp32; probabilities
// are rounded to bf16 for the second product. A tile that a query sees nothing of changes none of its bits, and tiles
// begin at position 0 whatever the chunk, so a query's result does not depend on the queries beside it.
//
// Shared memory holds rows of head_dim elements in pieces of 16 bytes; piece c of row r lies at piece c ^ (r % 8), so
// that the eight rows which ldmatrix reads at once lie in different banks.
#include "engine/cuda/kernels.h"

#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace kvp2p::engine::cuda {
namespace {

constexpr int kWarps = 8;
constexpr int kThreads = kWarps * 32;
constexpr int kQueries = kWarps * 16;
constexpr int kKeys = 64;
constexpr float kLog2E = 1.4426950408889634f;

struct Arguments {
  const std::uint16_t* queries;
  std::uint16_t* out;
  PagedKv kv;
  std::uint32_t query_stride;
  std::uint32_t out_stride;
  std::uint32_t group;  // query heads a KV head
  std::uint32_t start;
  std::uint32_t count;
  float scale_log2;  // of scores, so that exp2 serves
};

__device__ std::uint32_t shared_address(const void* p) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(p));
}

/// 16 bytes, or zeros where `valid` is false.
__device__ void copy_async(std::uint32_t to, const void* from, bool valid) {
  const int bytes = valid ? 16 : 0;
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}
__device__ void commit() { asm volatile("cp.async.commit_group;\n" ::: "memory"); }
/// Until at most N of the groups committed last are under way.
template <int N>
__device__ void wait_but() {
  asm volatile("cp.async.wait_group %0;\n" ::"n"(N) : "memory");
}

__device__ void load_matrices(std::uint32_t (&r)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
__device__ void load_transposed(std::uint32_t (&r)[4], std::uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];\n"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}
/// c[16][8] += a[16][16] * b[16][8].
__device__ void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

__device__ std::uint32_t pack(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const std::uint32_t*>(&pair);
}

/// Bytes from a tile's start to piece `piece` of row `row`.
template <int D>
__device__ std::uint32_t piece_at(std::uint32_t row, std::uint32_t piece) {
  return row * (D * 2) + ((piece ^ (row & 7)) << 4);
}

/// Keys or values of positions [first, first + kKeys) of one head; zeros from `end` on.
template <int D>
__device__ void load_tile(std::uint32_t tile, const PagedKv& kv, const std::uint16_t* head_start, std::uint32_t first,
                          std::uint32_t end) {
  constexpr int kPieces = D / 8;
  constexpr int kRowsAtOnce = kThreads / kPieces;
  const std::uint32_t piece = threadIdx.x % kPieces;
#pragma unroll
  for (int i = 0; i < kKeys / kRowsAtOnce; ++i) {
    const std::uint32_t row = threadIdx.x / kPieces + i * kRowsAtOnce;
    const bool valid = first + row < end;
    const std::uint32_t token = valid ? first + row : 0;  // an address that exists
    copy_async(tile + piece_at<D>(row, piece), head_start + offset_of(kv, token, 0) + piece * 8, valid);
  }
}

template <int D>
__device__ void load_queries(std::uint32_t tile, const Arguments& a, std::uint32_t head, std::uint32_t first) {
  constexpr int kPieces = D / 8;
  constexpr int kRowsAtOnce = kThreads / kPieces;
  const std::uint32_t piece = threadIdx.x % kPieces;
#pragma unroll
  for (int i = 0; i < kQueries / kRowsAtOnce; ++i) {
    const std::uint32_t row = threadIdx.x / kPieces + i * kRowsAtOnce;
    const bool valid = first + row < a.count;
    const std::size_t from = std::size_t{valid ? first + row : 0} * a.query_stride + head * D + piece * 8;
    copy_async(tile + piece_at<D>(row, piece), a.queries + from, valid);
  }
}

/// One warp's 16 queries. In accumulators a thread has rows lane / 4 and lane / 4 + 8, columns lane % 4 * 2 + {0, 1} of
/// each 8.
template <int D>
struct WarpState {
  float out[D / 8][4];
  float highest[2];
  float sum[2];  // this thread's columns only
};

/// scores[kKeys / 8][4] = queries * keys^T.
template <int D>
__device__ void score(float (&scores)[kKeys / 8][4], std::uint32_t queries, std::uint32_t keys) {
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t query_row = threadIdx.x / 32 * 16 + lane % 16;
  const std::uint32_t key_row = lane % 8 + lane / 16 * 8;
#pragma unroll
  for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) scores[n][i] = 0;
  }
#pragma unroll
  for (int k = 0; k < D / 16; ++k) {
    std::uint32_t q[4];
    load_matrices(q, queries + piece_at<D>(query_row, 2 * k + lane / 16));
#pragma unroll
    for (int n = 0; n < kKeys / 16; ++n) {
      std::uint32_t b[4];
      load_matrices(b, keys + piece_at<D>(n * 16 + key_row, 2 * k + lane / 8 % 2));
      multiply_add(scores[2 * n], q, b[0], b[1]);
      multiply_add(scores[2 * n + 1], q, b[2], b[3]);
    }
  }
}

/// Hides what lies after a query: `position` is that of the thread's first row, `first_key` the tile's.
__device__ void mask(float (&scores)[kKeys / 8][4], std::uint32_t position, std::uint32_t first_key) {
  const std::uint32_t column = first_key + threadIdx.x % 4 * 2;
#pragma unroll
  for (int n = 0; n < kKeys / 8; ++n) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      if (column + n * 8 + i % 2 > position + i / 2 * 8) scores[n][i] = -INFINITY;
    }
  }
}

/// Scores become probabilities relative to the highest score so far; what was summed before is scaled to it.
template <int D>
__device__ void soften(float (&scores)[kKeys / 8][4], WarpState<D>& state, float scale_log2) {
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float highest = state.highest[r];
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) highest = fmaxf(highest, fmaxf(scores[n][2 * r], scores[n][2 * r + 1]));
    highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 1));
    highest = fmaxf(highest, __shfl_xor_sync(0xffffffffu, highest, 2));
    // Every query sees position 0, in the first tile, so `highest` is finite from then on.
    const float shrink = exp2f((state.highest[r] - highest) * scale_log2);
    const float offset = highest * scale_log2;
    state.highest[r] = highest;
    float sum = 0;
#pragma unroll
    for (int n = 0; n < kKeys / 8; ++n) {
      scores[n][2 * r] = exp2f(scores[n][2 * r] * scale_log2 - offset);
      scores[n][2 * r + 1] = exp2f(scores[n][2 * r + 1] * scale_log2 - offset);
      sum += scores[n][2 * r] + scores[n][2 * r + 1];
    }
    state.sum[r] = state.sum[r] * shrink + sum;
#pragma unroll
    for (int d = 0; d < D / 8; ++d) {
      state.out[d][2 * r] *= shrink;
      state.out[d][2 * r + 1] *= shrink;
    }
  }
}

/// state.out += probabilities * values.
template <int D>
__device__ void weigh(const float (&scores)[kKeys / 8][4], WarpState<D>& state, std::uint32_t values) {
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t value_row = lane % 16;
#pragma unroll
  for (int k = 0; k < kKeys / 16; ++k) {
    const std::uint32_t p[4] = {pack(scores[2 * k][0], scores[2 * k][1]), pack(scores[2 * k][2], scores[2 * k][3]),
                                pack(scores[2 * k + 1][0], scores[2 * k + 1][1]),
                                pack(scores[2 * k + 1][2], scores[2 * k + 1][3])};
#pragma unroll
    for (int d = 0; d < D / 16; ++d) {
      std::uint32_t b[4];
      load_transposed(b, values + piece_at<D>(k * 16 + value_row, 2 * d + lane / 16));
      multiply_add(state.out[2 * d], p, b[0], b[1]);
      multiply_add(state.out[2 * d + 1], p, b[2], b[3]);
    }
  }
}

/// `first`: of the warp's queries within the chunk.
template <int D>
__device__ void write_out(const WarpState<D>& state, const Arguments& a, std::uint32_t head, std::uint32_t first) {
  const std::uint32_t lane = threadIdx.x % 32;
#pragma unroll
  for (int r = 0; r < 2; ++r) {
    float sum = state.sum[r];
    sum += __shfl_xor_sync(0xffffffffu, sum, 1);
    sum += __shfl_xor_sync(0xffffffffu, sum, 2);
    const std::uint32_t row = first + lane / 4 + r * 8;
    if (row >= a.count) continue;
    const float scale = 1.0f / sum;
    std::uint16_t* to = a.out + std::size_t{row} * a.out_stride + head * D + lane % 4 * 2;
#pragma unroll
    for (int d = 0; d < D / 8; ++d) {
      *reinterpret_cast<std::uint32_t*>(to + d * 8) =
          pack(state.out[d][2 * r] * scale, state.out[d][2 * r + 1] * scale);
    }
  }
}

template <int D>
__global__ void __launch_bounds__(kThreads, 2) attention_kernel(const Arguments a) {
  extern __shared__ __align__(128) unsigned char shared[];
  constexpr std::uint32_t kTileBytes = kKeys * D * 2;
  const std::uint32_t queries = shared_address(shared);
  const std::uint32_t keys = queries + kQueries * D * 2;
  const std::uint32_t values = keys + 2 * kTileBytes;

  const std::uint32_t head = blockIdx.x;
  const std::uint32_t first_query = (gridDim.y - 1 - blockIdx.y) * kQueries;  // the longest first
  const std::uint32_t end = a.start + min(first_query + kQueries, a.count);   // of the positions that anyone here sees
  const std::uint32_t tiles = (end + kKeys - 1) / kKeys;
  const std::uint64_t head_offset = head / a.group * a.kv.head_stride;
  const std::uint16_t* k_start = a.kv.k + head_offset;
  const std::uint16_t* v_start = a.kv.v + head_offset;

  load_queries<D>(queries, a, head, first_query);
  load_tile<D>(keys, a.kv, k_start, 0, end);
  commit();
  load_tile<D>(values, a.kv, v_start, 0, end);
  commit();

  const std::uint32_t warp_query = first_query + threadIdx.x / 32 * 16;
  const std::uint32_t warp_position = a.start + warp_query;
  WarpState<D> state;
#pragma unroll
  for (int r = 0; r < 2; ++r) state.highest[r] = -INFINITY, state.sum[r] = 0;
#pragma unroll
  for (int d = 0; d < D / 8; ++d) {
#pragma unroll
    for (int i = 0; i < 4; ++i) state.out[d][i] = 0;
  }

  for (std::uint32_t tile = 0; tile < tiles; ++tile) {
    const std::uint32_t first_key = tile * kKeys;
    const std::uint32_t now = tile % 2 * kTileBytes;
    const std::uint32_t next = kTileBytes - now;
    const bool is_seen = first_key <= warp_position + 15;
    float scores[kKeys / 8][4];
    // A group is committed in every round, empty or not, so that "all but the last" means the same in each.
    wait_but<1>();  // these keys are there; these values may not be
    __syncthreads();
    if (tile + 1 < tiles) load_tile<D>(keys + next, a.kv, k_start, first_key + kKeys, end);
    commit();
    if (is_seen) {
      score<D>(scores, queries, keys + now);
      if (first_key + kKeys - 1 > warp_position) {
        mask(scores, warp_position + threadIdx.x % 32 / 4, first_key);
      }
      soften<D>(scores, state, a.scale_log2);
    }
    wait_but<1>();  // these values are there; the next keys may not be
    __syncthreads();
    if (tile + 1 < tiles) load_tile<D>(values + next, a.kv, v_start, first_key + kKeys, end);
    commit();
    if (is_seen) weigh<D>(scores, state, values + now);
  }
  wait_but<0>();
  write_out<D>(state, a, head, warp_query);
}

template <int D>
void launch(const Arguments& arguments, std::uint32_t heads, kvc_stream stream) {
  constexpr int kBytes = (kQueries + 4 * kKeys) * D * 2;
  // For the current device; cheap, and kept by the driver.
  cudaFuncSetAttribute(attention_kernel<D>, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
  const dim3 grid(heads, (arguments.count + kQueries - 1) / kQueries);
  attention_kernel<D><<<grid, kThreads, kBytes, stream>>>(arguments);
}

}  // namespace

bool has_tensor_core_attention(std::uint32_t head_dim) { return head_dim == 64 || head_dim == 128; }

void prefill_attention(const std::uint16_t* queries, const HeadShape& shape, const PagedKv& kv, std::uint16_t* out,
                       std::uint32_t start, std::uint32_t count, kvc_stream stream) {
  if (!has_tensor_core_attention(shape.head_dim)) {
    plain_attention(queries, shape, kv, out, start, count, stream);
    return;
  }
  Arguments a;
  a.queries = queries;
  a.out = out;
  a.kv = kv;
  a.query_stride = shape.width();
  a.out_stride = shape.heads * shape.head_dim;
  a.group = shape.heads / shape.kv_heads;
  a.start = start;
  a.count = count;
  a.scale_log2 = kLog2E / sqrtf(static_cast<float>(shape.head_dim));
  if (shape.head_dim == 64) {
    launch<64>(a, shape.heads, stream);
  } else {
    launch<128>(a, shape.heads, stream);
  }
}

}  // namespace kvp2p::engine::cuda
