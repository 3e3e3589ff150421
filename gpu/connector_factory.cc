#include "gpu/connector_factory.h"

#include "base/log.h"
#include "gpu/error.h"
#include "gpu/host_connector.h"
#include "gpu/visible_devices.h"

#ifdef KVP2P_HAS_CUDA
#include "gpu/cuda/kvcache.h"
#include "gpu/cuda_connector.h"
#endif

#include <cstdlib>

namespace kvp2p {

namespace {

#ifdef KVP2P_HAS_CUDA

void count_gpus(GpusFound& found) {
  const kvc_status status = kvc_device_count(&found.count);
  if (status == KVC_OK && found.count > 0) return;
  found.count = 0;
  // The runtime's own words mislead where there is no driver at all: it calls it an old one.
  found.why_none = kvc_status_text(KVC_ERROR_NO_DRIVER);
  if (status != KVC_OK) found.why_none += std::string(" (") + kvc_last_error() + ")";
}

base::Result<std::unique_ptr<GpuConnector>> make_cuda(const ChosenDevice& chosen) {
  return make_cuda_connector(*chosen.cuda, chosen.why, chosen.peer_access);
}

#else

void count_gpus(GpusFound& found) { found.why_none = "this build has no CUDA backend"; }

base::Result<std::unique_ptr<GpuConnector>> make_cuda(const ChosenDevice&) { return GpuError::kNoDriver; }

#endif

base::Result<ChosenDevice> choose_gpu(const DeviceChoice& choice, const GpusFound& found) {
  const VisibleDevice device = find_visible_device(found.visible, choice.gpu, found.count);
  if (!device.ordinal) {
    LOG_ERROR("{}", device.note);
    return GpuError::kNoSuchGpu;
  }
  if (!device.note.empty()) LOG_WARN("{}", device.note);
  if (choice.gpu) return ChosenDevice{device.ordinal, "asked for by --gpu=" + std::to_string(*choice.gpu)};
  return ChosenDevice{device.ordinal,
                      choice.device == "cuda" ? "asked for by --device=cuda" : "the first GPU that is visible"};
}

}  // namespace

GpusFound find_gpus() {
  GpusFound found;
  if (const char* visible = std::getenv("CUDA_VISIBLE_DEVICES")) found.visible = visible;
  count_gpus(found);
  return found;
}

base::Result<ChosenDevice> choose_device(const DeviceChoice& choice, const GpusFound& found) {
  if (choice.device == "host") return ChosenDevice{std::nullopt, "asked for by --device=host"};
  if (choice.device != "auto" && choice.device != "cuda") return GpuError::kUnknownDevice;
  if (found.count > 0) return choose_gpu(choice, found);
  if (choice.device == "cuda") {
    LOG_ERROR("--device=cuda: {}", found.why_none);
    return GpuError::kNoDriver;
  }
  return ChosenDevice{std::nullopt, found.why_none};
}

base::Result<std::unique_ptr<GpuConnector>> make_connector(const ChosenDevice& chosen) {
  if (chosen.cuda) return make_cuda(chosen);
  return std::unique_ptr<GpuConnector>(std::make_unique<HostConnector>(chosen.why));
}

base::Result<std::unique_ptr<GpuConnector>> make_connector(const DeviceChoice& choice) {
  auto chosen = choose_device(choice);
  if (!chosen) return chosen.error();
  chosen->peer_access = choice.peer_access;
  return make_connector(*chosen);
}

}  // namespace kvp2p
