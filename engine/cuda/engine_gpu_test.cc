// Checks the engine's kernels and whole models on a GPU. One line a case: "ok …" or "FAILED …"; goes on after a
// failure. Exit code: 0 all ok, 1 something failed, 77 no GPU here.
//
//   engine_gpu_test [rows] [products] [rope] [attention] [models]     default: all
#include "engine/cuda/gpu_checks.h"
#include "engine/matmul.h"

#include <algorithm>

namespace {

using kvp2p::engine::cuda::Stream;
using kvp2p::engine::cuda::checks::Checks;

struct Group {
  const char* name;
  void (*run)(Checks&);
};

constexpr Group kGroups[] = {{"rows", kvp2p::engine::cuda::checks::check_rows},
                             {"products", kvp2p::engine::cuda::checks::check_products},
                             {"rope", kvp2p::engine::cuda::checks::check_rope},
                             {"attention", kvp2p::engine::cuda::checks::check_attention},
                             {"models", kvp2p::engine::cuda::checks::check_models}};

}  // namespace

int main(int argc, char** argv) {
  int devices = 0;
  if (const kvc_status status = kvc_device_count(&devices); status != KVC_OK || devices == 0) {
    std::printf("not run: %s: %s\n", kvc_status_text(status == KVC_OK ? KVC_ERROR_NO_DEVICE : status),
                kvc_last_error());
    return 77;
  }
  kvc_device_info info{};
  kvc_get_device_info(0, &info);
  std::printf("GPU 0: %s\n", info.name);
  auto stream = Stream::create(0);
  if (!stream) {
    std::printf("FAILED: %s\n", stream.error().message().c_str());
    return 1;
  }
  const kvp2p::engine::cuda::DeviceScope scope(0);
  kvp2p::engine::set_blas_threads(0);
  Checks checks(**stream);
  for (const Group& group : kGroups) {
    const bool wanted = argc == 1 || std::any_of(argv + 1, argv + argc,
                                                 [&](const char* name) { return !std::strcmp(name, group.name); });
    if (wanted) group.run(checks);
  }
  std::printf("%s: %zu cases, %zu failed\n", checks.failures() == 0 ? "ok" : "FAILED", checks.cases(),
              checks.failures());
  return checks.failures() == 0 ? 0 : 1;
}
