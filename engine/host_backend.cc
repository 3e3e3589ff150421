#include "engine/host_backend.h"

#include "engine/model_spec.h"

namespace kvp2p::engine {

HostBackend::HostBackend(const Model& model, std::size_t positions, const KvPagesOptions& kv)
    : transformer_(model, positions), kv_(kv) {}

base::Result<ModelSpec> HostBackend::spec(const std::filesystem::path& cache_dir) const {
  return model_spec_of(transformer_.model(), cache_dir);
}

base::Result<Backend::Passed> HostBackend::run_prompt(std::span<const Token> tokens, std::size_t start,
                                                      const BlockTable& table, const BeforeLayer& before_layer) {
  batch_ = transformer_.embed_prompt(tokens, start);
  for (std::uint32_t layer = 0; layer < config().layers; ++layer) {
    if (!before_layer(layer)) return Passed::kStopped;
    transformer_.run_layer(batch_, layer, kv_, table);
  }
  return Passed::kAllLayers;
}

base::Result<> HostBackend::run_next(Token token, std::size_t position, const BlockTable& table) {
  batch_ = transformer_.embed_next(token, position);
  for (std::size_t layer = 0; layer < config().layers; ++layer) transformer_.run_layer(batch_, layer, kv_, table);
  return {};
}

base::Result<Token> HostBackend::next_token() { return argmax(transformer_.logits(batch_, batch_.count - 1)); }

}  // namespace kvp2p::engine
