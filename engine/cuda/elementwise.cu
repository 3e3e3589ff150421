// Kernels that read and write once: bound by memory, so they use wide accesses where the shape allows it.
#include "engine/cuda/kernels.h"

#include <cuda_bf16.h>
#include <cuda_runtime.h>

namespace kvp2p::engine::cuda {
namespace {

constexpr int kThreads = 256;

unsigned blocks_for(std::size_t items) {
  const std::size_t blocks = (items + kThreads - 1) / kThreads;
  return static_cast<unsigned>(blocks < (1u << 20) ? (blocks > 0 ? blocks : 1) : (1u << 20));
}

__device__ float to_float(std::uint16_t x) { return __bfloat162float(__ushort_as_bfloat16(x)); }
__device__ std::uint16_t to_bf16(float x) { return __bfloat16_as_ushort(__float2bfloat16_rn(x)); }

/// N bf16 that are loaded and stored at once. REQUIRES: alignment of 2 N bytes.
template <int N>
struct alignas(2 * N) Vec {
  std::uint16_t x[N];
};

/// SplitMix64's output function, as in engine/synthetic_model.cc.
__device__ std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

__global__ void fill_uniform_kernel(std::uint16_t* out, std::size_t count, std::uint64_t from, float scale) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    const int bits = static_cast<int>(mix(from + i) >> 40);
    out[i] = to_bf16(__fmul_rn(static_cast<float>(bits - (1 << 23)), scale * 0x1p-23f));
  }
}

__global__ void fill_ones_kernel(float* out, std::size_t count) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) out[i] = 1.0f;
}

__global__ void round_kernel(const float* in, std::uint16_t* out, std::size_t count) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) {
    out[i] = to_bf16(in[i]);
  }
}

/// A thread block a row.
__global__ void embed_kernel(const std::uint32_t* tokens, const std::uint16_t* table, float* out, std::uint32_t width) {
  const std::uint16_t* row = table + std::size_t{tokens[blockIdx.x]} * width;
  float* to = out + std::size_t{blockIdx.x} * width;
  for (std::uint32_t i = threadIdx.x; i < width; i += blockDim.x) to[i] = to_float(row[i]);
}

/// The sum over the thread block, the same for all threads. The order is fixed: lanes by butterfly, then warps in
/// order.
__device__ float block_sum(float x) {
  __shared__ float warps[kThreads / 32];
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(0xffffffffu, x, step);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = x;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < kThreads / 32; ++i) sum += warps[i];
  return sum;
}

/// A thread block a row. N: 4 where the width is a multiple of it.
template <int N>
__global__ void rms_norm_kernel(const float* in, const float* weight, std::uint16_t* out, std::uint32_t width,
                                float eps) {
  struct alignas(4 * N) Floats {
    float x[N];
  };
  const std::size_t row = std::size_t{blockIdx.x} * width;
  const auto* from = reinterpret_cast<const Floats*>(in + row);
  const auto* scales = reinterpret_cast<const Floats*>(weight);
  auto* to = reinterpret_cast<Vec<N>*>(out + row);
  float squares = 0;
  for (std::uint32_t i = threadIdx.x; i < width / N; i += kThreads) {
    const Floats v = from[i];
    for (int j = 0; j < N; ++j) squares += v.x[j] * v.x[j];
  }
  const float scale = 1.0f / sqrtf(block_sum(squares) / static_cast<float>(width) + eps);
  for (std::uint32_t i = threadIdx.x; i < width / N; i += kThreads) {
    const Floats v = from[i];
    const Floats w = scales[i];
    Vec<N> result;
    for (int j = 0; j < N; ++j) result.x[j] = to_bf16(v.x[j] * scale * w.x[j]);
    to[i] = result;
  }
}

/// A row a blockIdx.x: no division a thread.
template <int N>
__global__ void swiglu_kernel(const std::uint16_t* gate_up, std::uint16_t* out, std::uint32_t width) {
  const std::uint32_t column = (blockIdx.y * blockDim.x + threadIdx.x) * N;
  if (column >= width) return;
  const std::size_t row = blockIdx.x;
  const auto gate = *reinterpret_cast<const Vec<N>*>(gate_up + row * 2 * width + column);
  const auto up = *reinterpret_cast<const Vec<N>*>(gate_up + row * 2 * width + width + column);
  Vec<N> result;
  for (int j = 0; j < N; ++j) {
    const float g = to_float(gate.x[j]);
    result.x[j] = to_bf16(g / (1.0f + __expf(-g)) * to_float(up.x[j]));
  }
  *reinterpret_cast<Vec<N>*>(out + row * width + column) = result;
}

__device__ bool is_better(float score, std::uint32_t index, float than, std::uint32_t than_index) {
  return score > than || (score == than && index < than_index);
}

/// One thread block of 1,024.
__global__ void argmax_kernel(const float* scores, std::uint32_t count, std::uint32_t* out) {
  __shared__ float best_scores[32];
  __shared__ std::uint32_t best_indices[32];
  float best = -INFINITY;
  std::uint32_t index = 0xffffffffu;
  for (std::uint32_t i = threadIdx.x; i < count; i += blockDim.x) {
    if (is_better(scores[i], i, best, index)) best = scores[i], index = i;
  }
  for (int round = 0; round < 2; ++round) {  // within each warp, then among the warps' winners
    for (int step = 16; step > 0; step /= 2) {
      const float other = __shfl_xor_sync(0xffffffffu, best, step);
      const std::uint32_t other_index = __shfl_xor_sync(0xffffffffu, index, step);
      if (is_better(other, other_index, best, index)) best = other, index = other_index;
    }
    if (round == 1) break;
    if (threadIdx.x % 32 == 0) best_scores[threadIdx.x / 32] = best, best_indices[threadIdx.x / 32] = index;
    __syncthreads();
    best = best_scores[threadIdx.x % 32];
    index = best_indices[threadIdx.x % 32];
  }
  // All scores NaN: there is no best, and the first is as good as any.
  if (threadIdx.x == 0) *out = index < count ? index : 0;
}

/// A thread block a token. An item is N pairs (i, i + half) of one head; heads are queries, keys, values in turn.
template <int N>
__global__ void rope_kernel(std::uint16_t* qkv, HeadShape shape, PagedKv kv, const float* cos, const float* sin,
                            std::uint32_t start) {
  const std::uint32_t half = shape.head_dim / 2;
  const std::uint32_t head_items = half / N;
  const std::uint32_t all_heads = shape.heads + 2 * shape.kv_heads;
  const std::uint32_t position = start + blockIdx.x;
  std::uint16_t* row = qkv + std::size_t{blockIdx.x} * all_heads * shape.head_dim;
  for (std::uint32_t item = threadIdx.x; item < all_heads * head_items; item += blockDim.x) {
    const std::uint32_t head = item / head_items;
    const std::uint32_t pair = item % head_items * N;
    std::uint16_t* from = row + head * shape.head_dim + pair;
    Vec<N> low = *reinterpret_cast<const Vec<N>*>(from);
    Vec<N> high = *reinterpret_cast<const Vec<N>*>(from + half);
    if (head < shape.heads + shape.kv_heads) {
      const std::size_t angle = std::size_t{position} * half + pair;
      for (int j = 0; j < N; ++j) {
        const float a = to_float(low.x[j]);
        const float b = to_float(high.x[j]);
        low.x[j] = to_bf16(a * cos[angle + j] - b * sin[angle + j]);
        high.x[j] = to_bf16(b * cos[angle + j] + a * sin[angle + j]);
      }
    }
    std::uint16_t* to = from;
    if (head >= shape.heads) {
      const std::uint32_t kv_head = (head - shape.heads) % shape.kv_heads;
      std::uint16_t* plane = head < shape.heads + shape.kv_heads ? kv.k : kv.v;
      to = plane + offset_of(kv, position, kv_head) + pair;
    }
    *reinterpret_cast<Vec<N>*>(to) = low;
    *reinterpret_cast<Vec<N>*>(to + half) = high;
  }
}

__global__ void gather_head_kernel(PagedKv kv, const std::uint16_t* plane, std::uint32_t head, std::uint32_t head_dim,
                                   std::size_t items, std::uint16_t* out) {
  const std::size_t step = std::size_t{gridDim.x} * blockDim.x;
  for (std::size_t i = std::size_t{blockIdx.x} * blockDim.x + threadIdx.x; i < items; i += step) {
    out[i] = plane[offset_of(kv, static_cast<std::uint32_t>(i / head_dim), head) + i % head_dim];
  }
}

}  // namespace

DeviceScope::DeviceScope(int device) {
  if (cudaGetDevice(&before_) != cudaSuccess) before_ = device;
  cudaSetDevice(device);
}

DeviceScope::~DeviceScope() { cudaSetDevice(before_); }

const char* take_launch_error() {
  const cudaError_t error = cudaGetLastError();
  return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

void fill_uniform(std::uint16_t* out, std::size_t count, std::uint64_t first, std::uint64_t tensor_stream, float scale,
                  kvc_stream stream) {
  fill_uniform_kernel<<<blocks_for(count), kThreads, 0, stream>>>(out, count, tensor_stream + first, scale);
}

void fill_ones(float* out, std::size_t count, kvc_stream stream) {
  fill_ones_kernel<<<blocks_for(count), kThreads, 0, stream>>>(out, count);
}

void round_to_bf16(const float* in, std::uint16_t* out, std::size_t count, kvc_stream stream) {
  round_kernel<<<blocks_for(count), kThreads, 0, stream>>>(in, out, count);
}

void embed(const std::uint32_t* tokens, const std::uint16_t* table, float* out, std::uint32_t count,
           std::uint32_t width, kvc_stream stream) {
  embed_kernel<<<count, kThreads, 0, stream>>>(tokens, table, out, width);
}

void rms_norm(const float* in, const float* weight, std::uint16_t* out, std::uint32_t rows, std::uint32_t width,
              float eps, kvc_stream stream) {
  if (width % 4 == 0) {
    rms_norm_kernel<4><<<rows, kThreads, 0, stream>>>(in, weight, out, width, eps);
  } else {
    rms_norm_kernel<1><<<rows, kThreads, 0, stream>>>(in, weight, out, width, eps);
  }
}

void swiglu(const std::uint16_t* gate_up, std::uint16_t* out, std::uint32_t rows, std::uint32_t width,
            kvc_stream stream) {
  const std::uint32_t n = width % 8 == 0 ? 8 : 1;
  const dim3 grid(rows, (width / n + kThreads - 1) / kThreads);
  if (n == 8) {
    swiglu_kernel<8><<<grid, kThreads, 0, stream>>>(gate_up, out, width);
  } else {
    swiglu_kernel<1><<<grid, kThreads, 0, stream>>>(gate_up, out, width);
  }
}

void argmax(const float* scores, std::uint32_t count, std::uint32_t* out, kvc_stream stream) {
  argmax_kernel<<<1, 1024, 0, stream>>>(scores, count, out);
}

void rope_and_store(std::uint16_t* qkv, const HeadShape& shape, const PagedKv& kv, const float* cos, const float* sin,
                    std::uint32_t start, std::uint32_t count, kvc_stream stream) {
  if (shape.head_dim % 16 == 0) {
    rope_kernel<8><<<count, kThreads, 0, stream>>>(qkv, shape, kv, cos, sin, start);
  } else {
    rope_kernel<1><<<count, kThreads, 0, stream>>>(qkv, shape, kv, cos, sin, start);
  }
}

void gather_head(const PagedKv& kv, const std::uint16_t* plane, std::uint32_t head, std::uint32_t head_dim,
                 std::uint32_t tokens, std::uint16_t* out, kvc_stream stream) {
  const std::size_t items = std::size_t{tokens} * head_dim;
  gather_head_kernel<<<blocks_for(items), kThreads, 0, stream>>>(kv, plane, head, head_dim, items, out);
}

}  // namespace kvp2p::engine::cuda
