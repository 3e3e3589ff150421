#include "engine/testing/reference_llama.h"

#include <cmath>

namespace kvp2p::engine::testing {
namespace {

using Vector = std::vector<double>;

Vector multiply(const Matrix& matrix, std::size_t first_row, std::size_t rows, const Vector& x) {
  Vector out(rows);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < matrix.columns; ++c) out[r] += matrix.row(first_row + r)[c] * x[c];
  }
  return out;
}

Vector normalise(const Vector& x, const std::vector<float>& weight, double eps) {
  double squares = 0;
  for (double value : x) squares += value * value;
  Vector out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    out[i] = x[i] / std::sqrt(squares / static_cast<double>(x.size()) + eps) * weight[i];
  }
  return out;
}

/// Turns each head's pairs (i, i + half), unscaled RoPE.
void turn(Vector& x, const ModelConfig& c, std::size_t position) {
  const std::size_t half = c.head_dim / 2;
  for (std::size_t head = 0; head < x.size() / c.head_dim; ++head) {
    for (std::size_t i = 0; i < half; ++i) {
      const double angle =
          static_cast<double>(position) * std::pow(c.rope_theta, -2.0 * static_cast<double>(i) / c.head_dim);
      double& a = x[head * c.head_dim + i];
      double& b = x[head * c.head_dim + i + half];
      const double turned = a * std::cos(angle) - b * std::sin(angle);
      b = b * std::cos(angle) + a * std::sin(angle);
      a = turned;
    }
  }
}

/// `keys` and `values` of this layer: one vector of all KV heads for each token so far.
Vector attend(const ModelConfig& c, const Vector& query, const std::vector<Vector>& keys,
              const std::vector<Vector>& values) {
  Vector out(query.size());
  for (std::size_t head = 0; head < c.heads; ++head) {
    const std::size_t kv = head / (c.heads / c.kv_heads) * c.head_dim;
    Vector weights;
    double sum = 0;
    for (const Vector& key : keys) {
      double score = 0;
      for (std::size_t d = 0; d < c.head_dim; ++d) score += query[head * c.head_dim + d] * key[kv + d];
      weights.push_back(std::exp(score / std::sqrt(double(c.head_dim))));
      sum += weights.back();
    }
    for (std::size_t t = 0; t < values.size(); ++t) {
      for (std::size_t d = 0; d < c.head_dim; ++d) out[head * c.head_dim + d] += weights[t] / sum * values[t][kv + d];
    }
  }
  return out;
}

void add(Vector& to, const Vector& more) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += more[i];
}

}  // namespace

std::vector<std::vector<double>> reference_logits(const Model& model, std::span<const std::uint32_t> tokens) {
  const ModelConfig& c = model.config;
  std::vector<std::vector<Vector>> keys(c.layers);
  std::vector<std::vector<Vector>> values(c.layers);
  std::vector<Vector> logits;
  for (std::size_t position = 0; position < tokens.size(); ++position) {
    const float* row = model.embedding.row(tokens[position]);
    Vector hidden(row, row + c.hidden);
    for (std::size_t l = 0; l < c.layers; ++l) {
      const LayerWeights& w = model.layers[l];
      Vector normed = normalise(hidden, w.attention_norm, c.rms_norm_eps);
      Vector query = multiply(w.qkv, 0, c.query_width(), normed);
      Vector key = multiply(w.qkv, c.query_width(), c.kv_width(), normed);
      turn(query, c, position);
      turn(key, c, position);
      keys[l].push_back(key);
      values[l].push_back(multiply(w.qkv, c.query_width() + c.kv_width(), c.kv_width(), normed));
      add(hidden, multiply(w.attention_out, 0, c.hidden, attend(c, query, keys[l], values[l])));
      normed = normalise(hidden, w.mlp_norm, c.rms_norm_eps);
      Vector gate = multiply(w.gate_up, 0, c.intermediate, normed);
      const Vector up = multiply(w.gate_up, c.intermediate, c.intermediate, normed);
      for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      add(hidden, multiply(w.down, 0, c.hidden, gate));
    }
    logits.push_back(multiply(model.output_matrix(), 0, c.vocab, normalise(hidden, model.final_norm, c.rms_norm_eps)));
  }
  return logits;
}

}  // namespace kvp2p::engine::testing
