// Chooses the connector: the GPU if there is one, host memory otherwise, and says why.
#pragma once

#include "gpu/connector.h"

#include <optional>
#include <string>

namespace kvp2p {

struct DeviceChoice {
  /// "auto", "host" or "cuda".
  std::string device = "auto";
  /// The GPU as counted without CUDA_VISIBLE_DEVICES; nothing: the first that is visible.
  std::optional<int> gpu;
};

/// "auto" takes a GPU if this build, a driver and a device are there, and host memory otherwise; the connector's
/// description() says which and why. "cuda" without a usable GPU is GpuError::kNoDriver, and the reason is logged.
base::Result<std::unique_ptr<GpuConnector>> make_connector(const DeviceChoice& choice);

}  // namespace kvp2p
