#include "gpu/cuda/kvcache.h"

const char* kvc_status_text(kvc_status status) {
  switch (status) {
    case KVC_OK:
      return "ok";
    case KVC_NOT_READY:
      return "not done yet";
    case KVC_ERROR_NO_DRIVER:
      return "no GPU, or no usable driver";
    case KVC_ERROR_NO_DEVICE:
      return "no such GPU";
    case KVC_ERROR_NO_MEMORY:
      return "not enough memory";
    case KVC_ERROR_ARGUMENT:
      return "bad argument";
    case KVC_ERROR_UNSUPPORTED:
      return "not supported by this GPU or driver";
    case KVC_ERROR_NO_ACCESS:
      return "the two GPUs cannot reach each other";
    case KVC_ERROR_DEVICE:
      return "the GPU failed";
  }
  return "unknown status";
}
