#include "gpu/error.h"

namespace kvp2p {

namespace {

const char* text_of(GpuError error) {
  switch (error) {
    case GpuError::kLayoutOutOfBounds:
      return "layout reaches outside the registered memory, or its strides overlap: check bases, strides and block "
             "count "
             "against the region's size";
    case GpuError::kUnknownRegion:
      return "unknown region: it was never registered or is unregistered already";
    case GpuError::kSlotOutOfRange:
      return "slot is outside the region's blocks";
    case GpuError::kLayerOutOfRange:
      return "layer is outside the region's layers";
    case GpuError::kNoDevice:
      return "device event or stream given to the host connector: pass a host event";
    case GpuError::kOutOfMemory:
      return "not enough host memory: make the pool or the store smaller";
    case GpuError::kStopping:
      return "the connector is stopping";
    case GpuError::kNotShareable:
      return "this memory cannot be opened by another process: allocate it from a memfd, with cudaMalloc, or with "
             "shareable virtual memory";
    case GpuError::kNotReachable:
      return "that memory cannot be reached from this device";
    case GpuError::kUnknownImport:
      return "unknown import: it was never opened or is closed already";
    case GpuError::kFormatMismatch:
      return "the two regions differ in more than their layout";
    case GpuError::kDeviceFailed:
      return "the GPU reported an error; the log says which";
    case GpuError::kNoDriver:
      return "no usable GPU: no driver, no device, or a build without CUDA; use --device=host";
    case GpuError::kNoSuchGpu:
      return "there is no such GPU among those that are visible; the log says which there are";
    case GpuError::kPeerAccessOff:
      return "access to other GPUs' memory is turned off (--no-peer-access)";
    case GpuError::kUnknownDevice:
      return "unknown device: use auto, host or cuda";
  }
  return "unknown error";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "gpu"; }
  std::string message(int value) const override { return text_of(static_cast<GpuError>(value)); }
};

}  // namespace

base::Error make_error_code(GpuError error) {
  static const Category category;
  return {static_cast<int>(error), category};
}

}  // namespace kvp2p
