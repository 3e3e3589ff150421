// The processor: fp32, products by OpenBLAS, pages in host memory.
#pragma once

#include "engine/backend.h"
#include "engine/paged_kv_cache.h"

namespace kvp2p::engine {

/// The model outlives it.
class HostBackend final : public Backend {
 public:
  HostBackend(const Model& model, std::size_t positions, const KvPagesOptions& kv);

  const ModelConfig& config() const override { return transformer_.model().config; }
  std::size_t positions() const override { return transformer_.positions(); }
  KvPages& kv() override { return kv_; }
  base::Result<ModelSpec> spec(const std::filesystem::path& cache_dir) const override;
  base::Result<Passed> run_prompt(std::span<const Token> tokens, std::size_t start, const BlockTable& table,
                                  const BeforeLayer& before_layer) override;
  base::Result<> run_next(Token token, std::size_t position, const BlockTable& table) override;
  base::Result<Token> next_token() override;

 private:
  Transformer transformer_;
  PagedKvCache kv_;
  Batch batch_;  // what ran last
};

}  // namespace kvp2p::engine
