// How the calls of kvcache.h fail: a status for the program, a text for people, and no error left behind in the
// runtime.
#pragma once

#include "gpu/cuda/kvcache_fail.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

namespace kvc {

/// KVC_OK, or the status that `error` means. The runtime's own last error is taken away, so that another user of CUDA
/// on this thread does not meet it.
kvc_status check(cudaError_t error, const char* what);
kvc_status check(CUresult result, const char* what);

}  // namespace kvc
