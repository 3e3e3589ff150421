// For builds with CUDA.
#include "apps/gpu-demo/engine_maker.h"
#include "engine/cuda/cuda_backend.h"
#include "engine/engine_error.h"
#include "engine/model_loader.h"

namespace kvp2p::demo {

namespace {

using engine::cuda::CudaBackend;
using engine::cuda::CudaModel;

class CudaEngines final : public EngineMaker {
 public:
  explicit CudaEngines(std::shared_ptr<const CudaModel> model) : model_(std::move(model)) {}

  const engine::ModelConfig& config() const override { return model_->config(); }
  std::string description() const override { return "bf16 on the GPU, cuBLAS from " + engine::cuda::cublas_path(); }
  bool is_on_gpu() const override { return true; }
  std::size_t chunk_tokens() const override { return engine::cuda::kCudaChunkTokens; }
  base::Result<std::unique_ptr<engine::Engine>> make(engine::EngineOptions options) const override {
    auto backend = CudaBackend::create(model_, positions_for(config(), options), options.chunk_tokens,
                                       kv_options_for(config(), options));
    if (!backend) return backend.error();
    return std::make_unique<engine::Engine>(std::move(*backend), std::move(options));
  }

 private:
  const std::shared_ptr<const CudaModel> model_;
};

base::Result<std::shared_ptr<const CudaModel>> load(int ordinal, const std::string& name) {
  if (name.starts_with(engine::kSyntheticPrefix)) {
    auto spec = engine::parse_synthetic_spec(name);
    if (!spec) return spec.error();
    return CudaModel::make_synthetic(ordinal, *spec);
  }
  auto model = engine::load_model(name);
  if (!model) return model.error();
  return CudaModel::upload(ordinal, *model);
}

}  // namespace

base::Result<std::unique_ptr<EngineMaker>> make_cuda_engines(int ordinal, const std::string& name) {
  if (engine::cuda::cublas_path().empty()) return engine::EngineError::kNoCublas;
  auto model = load(ordinal, name);
  if (!model) return model.error();
  return std::unique_ptr<EngineMaker>(std::make_unique<CudaEngines>(std::move(*model)));
}

}  // namespace kvp2p::demo
