// Attention of single queries, without tensor cores: for decoding, where the keys of one query are split over many
// thread blocks and joined afterwards, and for prefill with head sizes that prefill_attention.cu does not know.
#include "engine/cuda/kernels.h"

#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace kvp2p::engine::cuda {
namespace {

constexpr int kWarps = 4;
constexpr int kKeysAtOnce = 4;  // a warp; their loads overlap
constexpr std::uint32_t kSplitsMax = 64;
constexpr std::uint32_t kKeysPerSplit = 256;  // about
constexpr float kLog2E = 1.4426950408889634f;

struct Arguments {
  const std::uint16_t* queries;
  std::uint16_t* out;
  float* partial;  // [heads][splits][2 + head_dim]: highest score, sum, weighted values; null: write `out`
  HeadShape shape;
  PagedKv kv;
  std::uint32_t start;
  std::uint32_t keys_per_split;
  float scale_log2;
};

__device__ float2 load_pair(const std::uint16_t* from) {
  return __bfloat1622float2(*reinterpret_cast<const __nv_bfloat162*>(from));
}

__device__ float warp_sum(float x) {
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  return x;
}

/// One warp's share of the keys of one query. Lane l has elements 2 (l + 32 i) and the next, for i < P.
template <int P>
struct WarpState {
  float highest = -INFINITY;
  float sum = 0;
  float2 out[P] = {};
};

template <int P>
__device__ void take_keys(WarpState<P>& state, const float2 (&query)[P], const Arguments& a, std::uint32_t kv_head,
                          std::uint32_t first, std::uint32_t end) {
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t dim = a.shape.head_dim;
  float scores[kKeysAtOnce];
  std::uint64_t offsets[kKeysAtOnce];
  float highest = state.highest;
#pragma unroll
  for (int u = 0; u < kKeysAtOnce; ++u) {
    const bool valid = first + u < end;
    offsets[u] = offset_of(a.kv, valid ? first + u : first, kv_head);
    float dot = 0;
#pragma unroll
    for (int i = 0; i < P; ++i) {
      const std::uint32_t element = (lane + 32 * i) * 2;
      if (element >= dim) continue;
      const float2 key = load_pair(a.kv.k + offsets[u] + element);
      dot += query[i].x * key.x + query[i].y * key.y;
    }
    scores[u] = valid ? warp_sum(dot) : -INFINITY;
    highest = fmaxf(highest, scores[u]);
  }
  const float shrink = exp2f(state.highest - highest);  // `first` is valid, so `highest` is finite
  state.highest = highest;
  state.sum *= shrink;
#pragma unroll
  for (int i = 0; i < P; ++i) state.out[i].x *= shrink, state.out[i].y *= shrink;
#pragma unroll
  for (int u = 0; u < kKeysAtOnce; ++u) {
    if (first + u >= end) continue;
    const float weight = exp2f(scores[u] - highest);
    state.sum += weight;
#pragma unroll
    for (int i = 0; i < P; ++i) {
      const std::uint32_t element = (lane + 32 * i) * 2;
      if (element >= dim) continue;
      const float2 value = load_pair(a.kv.v + offsets[u] + element);
      state.out[i].x += weight * value.x;
      state.out[i].y += weight * value.y;
    }
  }
}

/// blockIdx: query, head, split.
template <int P>
__global__ void __launch_bounds__(kWarps * 32) split_kernel(const Arguments a) {
  extern __shared__ float shared[];  // [kWarps][2 + head_dim]
  const std::uint32_t dim = a.shape.head_dim;
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t warp = threadIdx.x / 32;
  const std::uint32_t head = blockIdx.y;
  const std::uint32_t kv_head = head / (a.shape.heads / a.shape.kv_heads);
  const std::uint32_t seen = a.start + blockIdx.x + 1;
  const std::uint32_t first = blockIdx.z * a.keys_per_split;
  const std::uint32_t end = min(seen, first + a.keys_per_split);

  const std::uint16_t* from = a.queries + std::size_t{blockIdx.x} * a.shape.width() + head * dim;
  float2 query[P];
#pragma unroll
  for (int i = 0; i < P; ++i) {
    const std::uint32_t element = (lane + 32 * i) * 2;
    query[i] = element < dim ? load_pair(from + element) : make_float2(0, 0);
    query[i].x *= a.scale_log2;
    query[i].y *= a.scale_log2;
  }
  WarpState<P> state;
  for (std::uint32_t key = first + warp * kKeysAtOnce; key < end; key += kWarps * kKeysAtOnce) {
    take_keys<P>(state, query, a, kv_head, key, end);
  }

  float* mine = shared + warp * (2 + dim);
  if (lane == 0) mine[0] = state.highest, mine[1] = state.sum;
#pragma unroll
  for (int i = 0; i < P; ++i) {
    const std::uint32_t element = (lane + 32 * i) * 2;
    if (element >= dim) continue;
    mine[2 + element] = state.out[i].x;
    mine[3 + element] = state.out[i].y;
  }
  __syncthreads();

  float highest = -INFINITY;
  for (int w = 0; w < kWarps; ++w) highest = fmaxf(highest, shared[w * (2 + dim)]);
  float weights[kWarps];
  float sum = 0;
  for (int w = 0; w < kWarps; ++w) {
    // A warp that had no keys has no part in it; -inf less -inf would be no number.
    const float its_highest = shared[w * (2 + dim)];
    weights[w] = its_highest == -INFINITY ? 0.0f : exp2f(its_highest - highest);
    sum += weights[w] * shared[w * (2 + dim) + 1];
  }
  const std::size_t part = (std::size_t{head} * gridDim.z + blockIdx.z) * (2 + dim);
  for (std::uint32_t element = threadIdx.x; element < dim; element += blockDim.x) {
    float value = 0;
    for (int w = 0; w < kWarps; ++w) value += weights[w] * shared[w * (2 + dim) + 2 + element];
    if (a.partial) {
      a.partial[part + 2 + element] = value;
    } else {
      a.out[(std::size_t{blockIdx.x} * a.shape.heads + head) * dim + element] =
          __bfloat16_as_ushort(__float2bfloat16_rn(value / sum));
    }
  }
  if (a.partial && threadIdx.x == 0) a.partial[part] = highest, a.partial[part + 1] = sum;
}

/// blockIdx: head.
__global__ void join_kernel(const float* partial, std::uint32_t splits, std::uint32_t dim, std::uint16_t* out) {
  const float* parts = partial + std::size_t{blockIdx.x} * splits * (2 + dim);
  float highest = -INFINITY;
  for (std::uint32_t s = 0; s < splits; ++s) highest = fmaxf(highest, parts[s * (2 + dim)]);
  for (std::uint32_t element = threadIdx.x; element < dim; element += blockDim.x) {
    float sum = 0;
    float value = 0;
    for (std::uint32_t s = 0; s < splits; ++s) {
      const float* part = parts + s * (2 + dim);
      const float weight = exp2f(part[0] - highest);  // 0 for a split without keys
      sum += weight * part[1];
      value += weight * part[2 + element];
    }
    out[std::size_t{blockIdx.x} * dim + element] = __bfloat16_as_ushort(__float2bfloat16_rn(value / sum));
  }
}

void launch(const Arguments& a, std::uint32_t count, std::uint32_t splits, kvc_stream stream) {
  const dim3 grid(count, a.shape.heads, splits);
  const std::size_t bytes = kWarps * (2 + a.shape.head_dim) * sizeof(float);
  if (a.shape.head_dim <= 64) {
    split_kernel<1><<<grid, kWarps * 32, bytes, stream>>>(a);
  } else if (a.shape.head_dim <= 128) {
    split_kernel<2><<<grid, kWarps * 32, bytes, stream>>>(a);
  } else if (a.shape.head_dim <= 256) {
    split_kernel<4><<<grid, kWarps * 32, bytes, stream>>>(a);
  } else {
    split_kernel<16><<<grid, kWarps * 32, bytes, stream>>>(a);
  }
}

std::uint32_t splits_for(std::uint32_t keys) {
  const std::uint32_t splits = (keys + kKeysPerSplit - 1) / kKeysPerSplit;
  return splits < kSplitsMax ? splits : kSplitsMax;
}

Arguments arguments_for(const std::uint16_t* queries, const HeadShape& shape, const PagedKv& kv, std::uint16_t* out,
                        std::uint32_t start) {
  Arguments a;
  a.queries = queries;
  a.out = out;
  a.partial = nullptr;
  a.shape = shape;
  a.kv = kv;
  a.start = start;
  a.keys_per_split = 0xffffffffu;
  a.scale_log2 = kLog2E / sqrtf(static_cast<float>(shape.head_dim));
  return a;
}

}  // namespace

void plain_attention(const std::uint16_t* queries, const HeadShape& shape, const PagedKv& kv, std::uint16_t* out,
                     std::uint32_t start, std::uint32_t count, kvc_stream stream) {
  launch(arguments_for(queries, shape, kv, out, start), count, 1, stream);
}

std::size_t decode_scratch_floats(const HeadShape& shape, std::uint32_t positions) {
  return std::size_t{shape.heads} * splits_for(positions) * (2 + shape.head_dim);
}

void decode_attention(const std::uint16_t* query, const HeadShape& shape, const PagedKv& kv, float* scratch,
                      std::uint16_t* out, std::uint32_t position, kvc_stream stream) {
  const std::uint32_t keys = position + 1;
  const std::uint32_t splits = splits_for(keys);
  Arguments a = arguments_for(query, shape, kv, out, position);
  a.partial = scratch;
  a.keys_per_split = (keys + splits - 1) / splits;
  launch(a, 1, splits, stream);
  join_kernel<<<shape.heads, 128, 0, stream>>>(scratch, splits, shape.head_dim, out);
}

}  // namespace kvp2p::engine::cuda
