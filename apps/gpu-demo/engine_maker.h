// A model where it runs, on the processor or on a GPU; makes engines on it.
#pragma once

#include "engine/engine.h"

#include <memory>
#include <string>

namespace kvp2p::demo {

/// Outlives its engines, which share its weights.
class EngineMaker {
 public:
  virtual ~EngineMaker() = default;

  virtual const engine::ModelConfig& config() const = 0;
  /// For people: "fp32 on the processor".
  virtual std::string description() const = 0;
  virtual bool is_on_gpu() const = 0;
  /// Tokens of a prefill chunk that suit the device.
  virtual std::size_t chunk_tokens() const = 0;
  virtual base::Result<std::unique_ptr<engine::Engine>> make(engine::EngineOptions options) const = 0;
};

/// `model` as for engine::load_model(); so are the errors.
base::Result<std::unique_ptr<EngineMaker>> make_host_engines(const std::string& model);

/// On CUDA's device `ordinal`, in bf16. EngineError::kNoCublas where cuBLAS is not found, and in builds without CUDA.
base::Result<std::unique_ptr<EngineMaker>> make_cuda_engines(int ordinal, const std::string& model);

}  // namespace kvp2p::demo
