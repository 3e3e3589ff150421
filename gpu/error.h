// What can go wrong between an engine's memory and ours.
#pragma once

#include "base/result.h"

namespace kvp2p {

enum class GpuError {
  kLayoutOutOfBounds = 1,
  kUnknownRegion,
  kSlotOutOfRange,
  kLayerOutOfRange,
  kNoDevice,
  kOutOfMemory,
  kStopping,
  kNotShareable,
  kNotReachable,
  kUnknownImport,
  kFormatMismatch,
  kDeviceFailed,
  kNoDriver,
  kNoSuchGpu,
  kUnknownDevice,
  kPeerAccessOff,
};

base::Error make_error_code(GpuError error);

}  // namespace kvp2p

template <>
struct boost::system::is_error_code_enum<kvp2p::GpuError> : std::true_type {};
