// A Llama model's weights in a GPU's memory: matrices in bf16, norms in fp32.
#pragma once

#include "engine/cuda/device_memory.h"
#include "engine/cuda/stream.h"
#include "engine/synthetic_model.h"
#include "engine/weights.h"
#include "kv/model_spec.h"

#include <filesystem>
#include <memory>
#include <vector>

namespace kvp2p::engine::cuda {

/// Row-major, as in engine/weights.h.
struct CudaLayer {
  float* attention_norm = nullptr;
  std::uint16_t* qkv = nullptr;
  std::uint16_t* attention_out = nullptr;
  float* mlp_norm = nullptr;
  std::uint16_t* gate_up = nullptr;
  std::uint16_t* down = nullptr;
};

/// Immutable once made; engines share it.
class CudaModel {
 public:
  /// Made on the GPU, with no host memory: the values of make_synthetic_model(), rounded to bf16.
  static base::Result<std::shared_ptr<const CudaModel>> make_synthetic(int device, const SyntheticSpec& spec);
  /// Copies a model's weights, rounded to bf16.
  static base::Result<std::shared_ptr<const CudaModel>> upload(int device, const Model& model);

  int device() const { return device_; }
  const ModelConfig& config() const { return facts_.config; }
  /// As model_spec_of(), for K and V in bf16. A synthetic model's weights carry another name than the processor's.
  base::Result<ModelSpec> spec(const std::filesystem::path& cache_dir) const;

  const std::uint16_t* embedding() const { return embedding_; }
  const std::uint16_t* output() const { return output_; }
  const float* final_norm() const { return final_norm_; }
  const CudaLayer& layer(std::size_t i) const { return layers_[i]; }

 private:
  CudaModel(int device, Model facts) : device_(device), facts_(std::move(facts)) {}
  base::Result<> allocate();

  const int device_;
  const Model facts_;  // configuration and names; its matrices are empty
  DeviceArrays arrays_;
  std::uint16_t* embedding_ = nullptr;
  std::uint16_t* output_ = nullptr;  // the embedding's, if tied
  float* final_norm_ = nullptr;
  std::vector<CudaLayer> layers_;
};

}  // namespace kvp2p::engine::cuda
