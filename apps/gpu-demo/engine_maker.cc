#include "apps/gpu-demo/engine_maker.h"

#include "engine/matmul.h"
#include "engine/model_loader.h"

namespace kvp2p::demo {

namespace {

class HostEngines final : public EngineMaker {
 public:
  explicit HostEngines(engine::Model model) : model_(std::move(model)) {}

  const engine::ModelConfig& config() const override { return model_.config; }
  std::string description() const override { return "fp32 on the processor"; }
  bool is_on_gpu() const override { return false; }
  std::size_t chunk_tokens() const override { return engine::kDefaultChunkTokens; }
  base::Result<std::unique_ptr<engine::Engine>> make(engine::EngineOptions options) const override {
    return std::make_unique<engine::Engine>(model_, std::move(options));
  }

 private:
  const engine::Model model_;
};

}  // namespace

base::Result<std::unique_ptr<EngineMaker>> make_host_engines(const std::string& name) {
  engine::set_blas_threads(0);
  auto model = engine::load_model(name);
  if (!model) return model.error();
  return std::unique_ptr<EngineMaker>(std::make_unique<HostEngines>(std::move(*model)));
}

}  // namespace kvp2p::demo
