// Launches a kernel and takes the launch's own answer: the runtime's last error may be somebody else's.
#pragma once

#include "gpu/cuda/kvcache_error.h"

namespace kvc {

template <class T>
struct Exactly {
  using type = T;
};

template <class... Parameters>
kvc_status launch(const char* what, void (*kernel)(Parameters...), unsigned blocks, unsigned threads,
                  cudaStream_t stream, const typename Exactly<Parameters>::type&... arguments) {
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&arguments))...};
  return check(
      cudaLaunchKernel(reinterpret_cast<const void*>(kernel), dim3(blocks), dim3(threads), pointers, 0, stream), what);
}

/// As launch(), but the grid may begin before the one in front of it in the stream has ended: sm_90, and only where the
/// kernel itself waits (griddepcontrol.wait).
template <class Parameter>
kvc_status launch_early(const char* what, void (*kernel)(Parameter), unsigned blocks, unsigned threads,
                        cudaStream_t stream, const typename Exactly<Parameter>::type& argument) {
  cudaLaunchAttribute early = {};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(blocks);
  config.blockDim = dim3(threads);
  config.stream = stream;
  config.attrs = &early;
  config.numAttrs = 1;
  void* pointers[] = {const_cast<void*>(static_cast<const void*>(&argument))};
  return check(cudaLaunchKernelExC(&config, reinterpret_cast<const void*>(kernel), pointers), what);
}

}  // namespace kvc
