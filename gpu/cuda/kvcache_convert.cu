// Element types: every pair by way of f32, which holds each of the others exactly, so that there is one rounding.
#include "gpu/cuda/kvcache_device.h"
#include "gpu/cuda/kvcache_launch.cuh"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include <algorithm>
#include <cstdint>

using kvc::fail;

namespace kvc {

namespace {

constexpr unsigned kThreads = 256;

__device__ __forceinline__ float to_f32(float x, float) { return x; }
__device__ __forceinline__ float to_f32(__half x, float) { return __half2float(x); }
__device__ __forceinline__ float to_f32(__nv_bfloat16 x, float) { return __bfloat162float(x); }
__device__ __forceinline__ float to_f32(__nv_fp8_e4m3 x, float scale) { return static_cast<float>(x) * scale; }

template <class To>
__device__ __forceinline__ To from_f32(float x, float scale);
template <>
__device__ __forceinline__ float from_f32<float>(float x, float) {
  return x;
}
template <>
__device__ __forceinline__ __half from_f32<__half>(float x, float) {
  return __float2half_rn(x);
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_f32<__nv_bfloat16>(float x, float) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ __forceinline__ __nv_fp8_e4m3 from_f32<__nv_fp8_e4m3>(float x, float scale) {
  __nv_fp8_e4m3 made;
  made.__x = __nv_cvt_float_to_fp8(__fdiv_rn(x, scale), __NV_SATFINITE, __NV_E4M3);
  return made;
}

template <class T, unsigned kWidth>
struct alignas(sizeof(T) * kWidth) Pack {
  T values[kWidth];
};

template <class From, class To, unsigned kWidth>
__global__ void __launch_bounds__(kThreads)
    convert(const From* __restrict__ from, To* __restrict__ to, std::uint64_t count, float scale) {
  const std::uint64_t step = std::uint64_t{gridDim.x} * kThreads * kWidth;
  std::uint64_t at = (std::uint64_t{blockIdx.x} * kThreads + threadIdx.x) * kWidth;
  for (; at + kWidth <= count; at += step) {
    const auto in = *reinterpret_cast<const Pack<From, kWidth>*>(from + at);
    Pack<To, kWidth> out;
#pragma unroll
    for (unsigned i = 0; i < kWidth; ++i) out.values[i] = from_f32<To>(to_f32(in.values[i], scale), scale);
    *reinterpret_cast<Pack<To, kWidth>*>(to + at) = out;
  }
  for (; at < count; ++at) to[at] = from_f32<To>(to_f32(from[at], scale), scale);  // one thread: fewer than kWidth
}

struct Call {
  const void* from;
  void* to;
  std::uint64_t count;
  float scale;
  unsigned multiprocessors;
  cudaStream_t stream;
};

template <class From, class To>
kvc_status start(const Call& call) {
  constexpr unsigned kWidth = 4;
  const auto* from = static_cast<const From*>(call.from);
  auto* to = static_cast<To*>(call.to);
  const bool packed = reinterpret_cast<std::uintptr_t>(from) % (kWidth * sizeof(From)) == 0 &&
                      reinterpret_cast<std::uintptr_t>(to) % (kWidth * sizeof(To)) == 0;
  const std::uint64_t each = kThreads * (packed ? kWidth : 1);
  const std::uint64_t needed = (call.count + each - 1) / each;
  const auto blocks = static_cast<unsigned>(std::min<std::uint64_t>(needed, call.multiprocessors * 16));
  return launch("launching a conversion", packed ? convert<From, To, kWidth> : convert<From, To, 1>, blocks, kThreads,
                call.stream, from, to, call.count, call.scale);
}

template <class From>
kvc_status start_from(kvc_element to, const Call& call) {
  switch (to) {
    case KVC_F32:
      return start<From, float>(call);
    case KVC_F16:
      return start<From, __half>(call);
    case KVC_BF16:
      return start<From, __nv_bfloat16>(call);
    case KVC_F8_E4M3:
      return start<From, __nv_fp8_e4m3>(call);
    case KVC_ELEMENT_MAX:
      break;
  }
  return fail(KVC_ERROR_ARGUMENT, "no such element type: %d", static_cast<int>(to));
}

std::size_t bytes_of(kvc_element element) {
  switch (element) {
    case KVC_F32:
      return 4;
    case KVC_F16:
    case KVC_BF16:
      return 2;
    case KVC_F8_E4M3:
      return 1;
    case KVC_ELEMENT_MAX:
      break;
  }
  return 0;
}

}  // namespace

}  // namespace kvc

kvc_status kvc_convert(int device, kvc_element from_element, const void* from, kvc_element to_element, void* to,
                       size_t count, float scale, kvc_stream stream) {
  const std::size_t from_bytes = kvc::bytes_of(from_element);
  const std::size_t to_bytes = kvc::bytes_of(to_element);
  if (from_bytes == 0 || to_bytes == 0) return fail(KVC_ERROR_ARGUMENT, "no such element type");
  if (!(scale > 0) || scale > 3.4e38F) return fail(KVC_ERROR_ARGUMENT, "scale %g", static_cast<double>(scale));
  if (count > (SIZE_MAX >> 8)) return fail(KVC_ERROR_ARGUMENT, "%zu elements", count);
  if (count == 0) return KVC_OK;
  if (reinterpret_cast<std::uintptr_t>(from) % from_bytes != 0 ||
      reinterpret_cast<std::uintptr_t>(to) % to_bytes != 0) {
    return fail(KVC_ERROR_ARGUMENT, "elements are not aligned to their own size");
  }
  const kvc::DeviceGuard guard(device);
  KVC_TRY(guard.status());
  KVC_TRY(kvc::reach(device, from, "from"));
  KVC_TRY(kvc::reach(device, to, "to"));
  if (from_element == to_element) return kvc_copy(to, from, count * from_bytes, stream);
  const kvc::Call call = {from,  to, count, scale, static_cast<unsigned>(std::max(kvc::multiprocessors(device), 1)),
                          stream};
  switch (from_element) {
    case KVC_F32:
      return kvc::start_from<float>(to_element, call);
    case KVC_F16:
      return kvc::start_from<__half>(to_element, call);
    case KVC_BF16:
      return kvc::start_from<__nv_bfloat16>(to_element, call);
    case KVC_F8_E4M3:
      return kvc::start_from<__nv_fp8_e4m3>(to_element, call);
    case KVC_ELEMENT_MAX:
      break;
  }
  return KVC_ERROR_ARGUMENT;
}
