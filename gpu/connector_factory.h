// Chooses the connector: the GPU if there is one, host memory otherwise, and says why.
#pragma once

#include "gpu/connector.h"

#include <optional>
#include <string>
#include <string_view>

namespace kvp2p {

struct DeviceChoice {
  /// "auto", "host" or "cuda".
  std::string device = "auto";
  /// The GPU as counted without CUDA_VISIBLE_DEVICES (gpu/visible_devices.h); nothing: the first that is visible.
  std::optional<int> gpu;
  /// Whether this GPU may read another one's memory over NVLink or PCIe; if not, their blocks are fetched by way of the
  /// host.
  bool peer_access = true;
};

/// What this process sees of GPUs.
struct GpusFound {
  int count = 0;
  /// With no GPU: why there is none ("this build has no CUDA backend").
  std::string why_none;
  /// CUDA_VISIBLE_DEVICES, if it is set.
  std::optional<std::string> visible;
};

struct ChosenDevice {
  /// CUDA's ordinal in this process; nothing: host memory.
  std::optional<int> cuda;
  /// For people: why this one.
  std::string why;
  /// DeviceChoice::peer_access.
  bool peer_access = true;
};

GpusFound find_gpus();

/// "auto" takes a GPU if there is one and host memory otherwise. GpuError::kNoDriver for "cuda" without a GPU,
/// kNoSuchGpu for a `gpu` that is not there among those that are, kUnknownDevice for another word; the reason is
/// logged.
base::Result<ChosenDevice> choose_device(const DeviceChoice& choice, const GpusFound& found = find_gpus());

/// The connector of what was chosen; its description() says what and why. A GPU that is there and cannot be used is an
/// error, whose reason is logged, and never replaced by host memory: the engine has chosen the same device.
base::Result<std::unique_ptr<GpuConnector>> make_connector(const ChosenDevice& chosen);
base::Result<std::unique_ptr<GpuConnector>> make_connector(const DeviceChoice& choice);

}  // namespace kvp2p
