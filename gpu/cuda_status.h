// From the C interface's statuses to this module's errors, and its handles' owners.
#pragma once

#include "base/result.h"
#include "gpu/cuda/kvcache.h"

#include <memory>
#include <type_traits>

namespace kvp2p {

/// The error of a failed call; `what` says for people what was tried. A failing device is logged once a process: after
/// the first error every call fails. REQUIRES: on the thread that called, status neither KVC_OK nor KVC_NOT_READY.
base::Error cuda_error(kvc_status status, const char* what);

/// Success, or the error as above.
inline base::Result<> cuda_result(kvc_status status, const char* what) {
  if (status == KVC_OK) return {};
  return cuda_error(status, what);
}

struct CudaStreamDelete {
  void operator()(kvc_stream stream) const { kvc_stream_destroy(stream); }
};
struct CudaEventDelete {
  void operator()(kvc_event event) const { kvc_event_destroy(event); }
};
struct CudaRegionDelete {
  void operator()(kvc_region* region) const { kvc_region_destroy(region); }
};
struct CudaImportDelete {
  void operator()(kvc_import* import) const { kvc_import_close(import); }
};
using CudaStream = std::unique_ptr<std::remove_pointer_t<kvc_stream>, CudaStreamDelete>;
using CudaEvent = std::unique_ptr<std::remove_pointer_t<kvc_event>, CudaEventDelete>;
using CudaRegionHandle = std::unique_ptr<kvc_region, CudaRegionDelete>;
using CudaImportHandle = std::unique_ptr<kvc_import, CudaImportDelete>;

base::Result<CudaStream> make_cuda_stream(int device);
/// Not timed.
base::Result<CudaEvent> make_cuda_event(int device);

}  // namespace kvp2p
