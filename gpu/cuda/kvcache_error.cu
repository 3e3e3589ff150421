#include "gpu/cuda/kvcache_error.h"

#include "gpu/cuda/kvcache_driver.h"

namespace kvc {

namespace {

kvc_status status_of(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return KVC_OK;
    case cudaErrorNotReady:
      return KVC_NOT_READY;
    case cudaErrorInsufficientDriver:
    case cudaErrorNoDevice:
    case cudaErrorInitializationError:
    case cudaErrorStubLibrary:
    case cudaErrorCallRequiresNewerDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorSystemNotReady:
    case cudaErrorCompatNotSupportedOnDevice:
      return KVC_ERROR_NO_DRIVER;
    case cudaErrorInvalidDevice:
      return KVC_ERROR_NO_DEVICE;
    case cudaErrorMemoryAllocation:
      return KVC_ERROR_NO_MEMORY;
    case cudaErrorInvalidValue:
    case cudaErrorInvalidDevicePointer:
    case cudaErrorInvalidResourceHandle:
    case cudaErrorInvalidMemcpyDirection:
    case cudaErrorHostMemoryAlreadyRegistered:
    case cudaErrorHostMemoryNotRegistered:
      return KVC_ERROR_ARGUMENT;
    case cudaErrorNotSupported:
    case cudaErrorNotPermitted:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return KVC_ERROR_UNSUPPORTED;
    case cudaErrorPeerAccessUnsupported:
      return KVC_ERROR_NO_ACCESS;
    default:
      return KVC_ERROR_DEVICE;
  }
}

}  // namespace

kvc_status check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return KVC_OK;
  cudaGetLastError();
  return fail(status_of(error), "%s: %s (%s)", what, cudaGetErrorString(error), cudaGetErrorName(error));
}

kvc_status check(CUresult result, const char* what) {
  if (result == CUDA_SUCCESS) return KVC_OK;
  const char* text = nullptr;
  if (const Driver* api = driver()) api->get_error_string(result, &text);
  // The runtime's codes were made equal to the driver's in CUDA 11.
  return fail(status_of(static_cast<cudaError_t>(result)), "%s: %s (%d)", what, text ? text : "CUDA driver error",
              static_cast<int>(result));
}

}  // namespace kvc
