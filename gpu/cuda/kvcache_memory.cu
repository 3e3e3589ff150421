// Memory, streams, events and plain copies: the runtime's own, with statuses, on the device that was named.
#include "gpu/cuda/kvcache_device.h"

#include <cstdint>

using kvc::check;
using kvc::DeviceGuard;
using kvc::fail;

kvc_status kvc_device_alloc(int device, size_t bytes, void** start) {
  if (start == nullptr) return fail(KVC_ERROR_ARGUMENT, "start is null");
  *start = nullptr;
  if (bytes == 0) return fail(KVC_ERROR_ARGUMENT, "an allocation of 0 bytes");
  const DeviceGuard guard(device);
  KVC_TRY(guard.status());
  return check(cudaMalloc(start, bytes), "cudaMalloc");
}

kvc_status kvc_device_free(int device, void* start) {
  if (start == nullptr) return KVC_OK;
  const DeviceGuard guard(device);
  KVC_TRY(guard.status());
  return check(cudaFree(start), "cudaFree");
}

kvc_status kvc_memory_info(int device, uint64_t* free_bytes, uint64_t* total_bytes) {
  if (free_bytes == nullptr || total_bytes == nullptr) return fail(KVC_ERROR_ARGUMENT, "a result is null");
  const DeviceGuard guard(device);
  KVC_TRY(guard.status());
  size_t free = 0, total = 0;
  KVC_TRY(check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo"));
  *free_bytes = free;
  *total_bytes = total;
  return KVC_OK;
}

kvc_status kvc_pinned_alloc(size_t bytes, void** start) {
  if (start == nullptr) return fail(KVC_ERROR_ARGUMENT, "start is null");
  *start = nullptr;
  if (bytes == 0) return fail(KVC_ERROR_ARGUMENT, "an allocation of 0 bytes");
  const DeviceGuard guard(kvc::any_device());
  KVC_TRY(guard.status());
  return check(cudaHostAlloc(start, bytes, cudaHostAllocPortable), "cudaHostAlloc");
}

kvc_status kvc_pinned_free(void* start) {
  if (start == nullptr) return KVC_OK;
  const DeviceGuard guard(kvc::any_device());
  KVC_TRY(guard.status());
  return check(cudaFreeHost(start), "cudaFreeHost");
}

kvc_status kvc_pin(void* start, size_t bytes) {
  constexpr std::uintptr_t kPage = 4096;
  if (start == nullptr || bytes == 0) return fail(KVC_ERROR_ARGUMENT, "nothing to pin");
  if (reinterpret_cast<std::uintptr_t>(start) % kPage != 0) {
    return fail(KVC_ERROR_ARGUMENT, "%p is not page-aligned", start);
  }
  const DeviceGuard guard(kvc::any_device());
  KVC_TRY(guard.status());
  return check(cudaHostRegister(start, bytes, cudaHostRegisterPortable), "cudaHostRegister");
}

kvc_status kvc_unpin(void* start) {
  if (start == nullptr) return fail(KVC_ERROR_ARGUMENT, "start is null");
  const DeviceGuard guard(kvc::any_device());
  KVC_TRY(guard.status());
  return check(cudaHostUnregister(start), "cudaHostUnregister");
}

kvc_status kvc_stream_create(int device, kvc_stream* stream) {
  if (stream == nullptr) return fail(KVC_ERROR_ARGUMENT, "stream is null");
  *stream = nullptr;
  const DeviceGuard guard(device);
  KVC_TRY(guard.status());
  return check(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking), "cudaStreamCreate");
}

kvc_status kvc_stream_destroy(kvc_stream stream) {
  if (stream == nullptr) return KVC_OK;
  return check(cudaStreamDestroy(stream), "cudaStreamDestroy");
}

kvc_status kvc_stream_wait_event(kvc_stream stream, kvc_event event) {
  if (event == nullptr) return fail(KVC_ERROR_ARGUMENT, "event is null");
  return check(cudaStreamWaitEvent(stream, event, 0), "cudaStreamWaitEvent");
}

kvc_status kvc_stream_synchronize(kvc_stream stream) {
  return check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

kvc_status kvc_event_create(int device, int timed, kvc_event* event) {
  if (event == nullptr) return fail(KVC_ERROR_ARGUMENT, "event is null");
  *event = nullptr;
  const DeviceGuard guard(device);
  KVC_TRY(guard.status());
  return check(cudaEventCreateWithFlags(event, timed ? cudaEventDefault : cudaEventDisableTiming), "cudaEventCreate");
}

kvc_status kvc_event_destroy(kvc_event event) {
  if (event == nullptr) return KVC_OK;
  return check(cudaEventDestroy(event), "cudaEventDestroy");
}

kvc_status kvc_event_record(kvc_event event, kvc_stream stream) {
  if (event == nullptr) return fail(KVC_ERROR_ARGUMENT, "event is null");
  return check(cudaEventRecord(event, stream), "cudaEventRecord");
}

kvc_status kvc_event_query(kvc_event event) {
  if (event == nullptr) return fail(KVC_ERROR_ARGUMENT, "event is null");
  const cudaError_t error = cudaEventQuery(event);
  if (error == cudaErrorNotReady) {
    cudaGetLastError();
    return KVC_NOT_READY;  // no error: the last error stays as it was
  }
  return check(error, "cudaEventQuery");
}

kvc_status kvc_event_synchronize(kvc_event event) {
  if (event == nullptr) return fail(KVC_ERROR_ARGUMENT, "event is null");
  return check(cudaEventSynchronize(event), "cudaEventSynchronize");
}

kvc_status kvc_event_elapsed(kvc_event from, kvc_event to, float* milliseconds) {
  if (from == nullptr || to == nullptr || milliseconds == nullptr) {
    return fail(KVC_ERROR_ARGUMENT, "an event or the result is null");
  }
  return check(cudaEventElapsedTime(milliseconds, from, to), "cudaEventElapsedTime");
}

kvc_status kvc_copy(void* to, const void* from, size_t bytes, kvc_stream stream) {
  if (bytes == 0) return KVC_OK;
  if (to == nullptr || from == nullptr) return fail(KVC_ERROR_ARGUMENT, "a side of the copy is null");
  return check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream), "cudaMemcpyAsync");
}

kvc_status kvc_copy_peer(void* to, int to_device, const void* from, int from_device, size_t bytes, kvc_stream stream) {
  if (bytes == 0) return KVC_OK;
  if (to == nullptr || from == nullptr) return fail(KVC_ERROR_ARGUMENT, "a side of the copy is null");
  return check(cudaMemcpyPeerAsync(to, to_device, from, from_device, bytes, stream), "cudaMemcpyPeerAsync");
}
