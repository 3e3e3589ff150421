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

}  // namespace kvc
