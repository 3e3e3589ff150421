#include "engine/transformer.h"

#include "engine/matmul.h"
#include "engine/rms_norm.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

namespace kvp2p::engine {
namespace {

/// Multiplies tile by tile, so that a row's result does not depend on the batch (batch.h).
void multiply_tiles(const Batch& batch, const std::vector<float>& in, const Matrix& weights, std::vector<float>& out) {
  out.resize(batch.rows() * weights.rows);
  for (std::size_t row = 0; row < batch.rows(); row += batch.tile) {
    multiply(in.data() + row * weights.columns, batch.tile, weights, out.data() + row * weights.rows);
  }
}

void add(std::vector<float>& to, const std::vector<float>& more) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}

float silu(float x) { return x / (1 + std::exp(-x)); }

}  // namespace

Transformer::Transformer(const Model& model, std::size_t positions)
    : model_(model), positions_(positions), rope_(model.config, positions), attention_(model.config) {}

Batch Transformer::embed(std::span<const Token> tokens, std::size_t start, std::size_t tile) const {
  assert(!tokens.empty() && start + tokens.size() <= positions_);
  Batch batch{.start = start, .count = tokens.size(), .tile = tile, .hidden = {}};
  const std::size_t hidden = model_.config.hidden;
  batch.hidden.resize(batch.rows() * hidden);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    assert(tokens[i] < model_.config.vocab);
    std::memcpy(batch.hidden.data() + (batch.front() + i) * hidden, model_.embedding.row(tokens[i]),
                hidden * sizeof(float));
  }
  return batch;
}

Batch Transformer::embed_prompt(std::span<const Token> tokens, std::size_t start) const {
  return embed(tokens, start, kPrefillTile);
}

Batch Transformer::embed_next(Token token, std::size_t position) const { return embed({&token, 1}, position, 1); }

void Transformer::run_layer(Batch& batch, std::size_t layer, PagedKvCache& kv, const BlockTable& table) {
  const LayerWeights& weights = model_.layers[layer];
  project_qkv(batch, weights);
  store_kv(batch, layer, kv, table);
  attended_.resize(batch.rows() * model_.config.query_width());
  attention_.run(batch, layer, kv, table, qkv_.data(), weights.qkv.rows, attended_.data());
  multiply_tiles(batch, attended_, weights.attention_out, residual_);
  add(batch.hidden, residual_);
  run_mlp(batch, weights);
}

void Transformer::normalise(const Batch& batch, const std::vector<float>& weight) {
  const std::size_t hidden = model_.config.hidden;
  normed_.assign(batch.rows() * hidden, 0.0f);
  for (std::size_t row = batch.front(); row < batch.front() + batch.count; ++row) {
    rms_norm({batch.hidden.data() + row * hidden, hidden}, weight, model_.config.rms_norm_eps,
             normed_.data() + row * hidden);
  }
}

void Transformer::project_qkv(const Batch& batch, const LayerWeights& weights) {
  const ModelConfig& c = model_.config;
  normalise(batch, weights.attention_norm);
  multiply_tiles(batch, normed_, weights.qkv, qkv_);
  for (std::size_t i = 0; i < batch.count; ++i) {
    float* row = qkv_.data() + (batch.front() + i) * weights.qkv.rows;
    for (std::size_t head = 0; head < c.heads + c.kv_heads; ++head) {
      rope_.apply(row + head * c.head_dim, batch.start + i);
    }
  }
}

void Transformer::store_kv(const Batch& batch, std::size_t layer, PagedKvCache& kv, const BlockTable& table) {
  const ModelConfig& c = model_.config;
  const std::size_t width = c.query_width() + 2 * c.kv_width();
  for (std::size_t i = 0; i < batch.count; ++i) {
    const float* keys = qkv_.data() + (batch.front() + i) * width + c.query_width();
    kv.write(layer, KvPlane::kKeys, table, batch.start + i, keys);
    kv.write(layer, KvPlane::kValues, table, batch.start + i, keys + c.kv_width());
  }
}

void Transformer::run_mlp(Batch& batch, const LayerWeights& weights) {
  const std::size_t width = model_.config.intermediate;
  normalise(batch, weights.mlp_norm);
  multiply_tiles(batch, normed_, weights.gate_up, gate_up_);
  activated_.assign(batch.rows() * width, 0.0f);
  for (std::size_t row = batch.front(); row < batch.front() + batch.count; ++row) {
    const float* gate = gate_up_.data() + row * 2 * width;
    float* out = activated_.data() + row * width;
    for (std::size_t i = 0; i < width; ++i) out[i] = silu(gate[i]) * gate[width + i];
  }
  multiply_tiles(batch, activated_, weights.down, residual_);
  add(batch.hidden, residual_);
}

std::span<const float> Transformer::logits(const Batch& batch, std::size_t index) {
  assert(index < batch.count);
  const std::size_t hidden = model_.config.hidden;
  const Matrix& output = model_.output_matrix();
  normed_.resize(hidden);
  logits_.resize(output.rows);
  rms_norm({batch.hidden.data() + (batch.front() + index) * hidden, hidden}, model_.final_norm,
           model_.config.rms_norm_eps, normed_.data());
  multiply(normed_.data(), 1, output, logits_.data());
  return logits_;
}

Token argmax(std::span<const float> scores) {
  return static_cast<Token>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

}  // namespace kvp2p::engine
