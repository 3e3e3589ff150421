#include "gpu/cuda_status.h"

#include "base/log.h"
#include "gpu/error.h"

#include <atomic>

namespace kvp2p {

base::Error cuda_error(kvc_status status, const char* what) {
  switch (status) {
    case KVC_ERROR_NO_DRIVER:
    case KVC_ERROR_NO_DEVICE:
      return GpuError::kNoDriver;
    case KVC_ERROR_NO_MEMORY:
      return GpuError::kOutOfMemory;
    case KVC_ERROR_ARGUMENT:
      return GpuError::kLayoutOutOfBounds;
    case KVC_ERROR_UNSUPPORTED:
      return GpuError::kNotShareable;
    case KVC_ERROR_NO_ACCESS:
      return GpuError::kNotReachable;
    case KVC_OK:
    case KVC_NOT_READY:
    case KVC_ERROR_DEVICE:
      break;
  }
  static std::atomic<bool> logged{false};
  if (!logged.exchange(true)) {
    LOG_ERROR("the GPU failed to {}: {} ({}); its copies fail from now on", what, kvc_status_text(status),
              kvc_last_error());
  }
  return GpuError::kDeviceFailed;
}

base::Result<CudaStream> make_cuda_stream(int device) {
  kvc_stream stream = nullptr;
  if (const kvc_status status = kvc_stream_create(device, &stream); status != KVC_OK) {
    return cuda_error(status, "make a stream");
  }
  return CudaStream(stream);
}

base::Result<CudaEvent> make_cuda_event(int device) {
  kvc_event event = nullptr;
  if (const kvc_status status = kvc_event_create(device, 0, &event); status != KVC_OK) {
    return cuda_error(status, "make an event");
  }
  return CudaEvent(event);
}

}  // namespace kvp2p
