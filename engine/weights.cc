#include "engine/weights.h"

#include "engine/engine_error.h"

namespace kvp2p::engine {

std::uint64_t count_parameters(const ModelConfig& c) {
  const std::uint64_t hidden = c.hidden;
  const std::uint64_t attention = hidden * (2ull * c.query_width() + 2ull * c.kv_width());
  const std::uint64_t layer = attention + 3ull * hidden * c.intermediate + 2 * hidden;
  return c.layers * layer + hidden + hidden * c.vocab * (c.tied_embeddings ? 1 : 2);
}

base::Result<Model> allocate_model(const ModelConfig& c) {
  if (count_parameters(c) > kParametersMax) return EngineError::kModelTooLarge;
  Model model;
  model.config = c;
  model.embedding = Matrix(c.vocab, c.hidden);
  model.final_norm.resize(c.hidden);
  if (!c.tied_embeddings) model.output = Matrix(c.vocab, c.hidden);
  model.layers.resize(c.layers);
  for (LayerWeights& layer : model.layers) {
    layer.attention_norm.resize(c.hidden);
    layer.qkv = Matrix(c.query_width() + 2 * c.kv_width(), c.hidden);
    layer.attention_out = Matrix(c.hidden, c.query_width());
    layer.mlp_norm.resize(c.hidden);
    layer.gate_up = Matrix(std::size_t{2} * c.intermediate, c.hidden);
    layer.down = Matrix(c.hidden, c.intermediate);
  }
  return model;
}

}  // namespace kvp2p::engine
