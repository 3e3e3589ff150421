// For builds without CUDA.
#include "apps/gpu-demo/engine_maker.h"
#include "engine/engine_error.h"

namespace kvp2p::demo {

base::Result<std::unique_ptr<EngineMaker>> make_cuda_engines(int, const std::string&) {
  return engine::EngineError::kNoCublas;
}

}  // namespace kvp2p::demo
