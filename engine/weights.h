// A Llama model's weights in fp32.
#pragma once

#include "engine/model_config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace kvp2p::engine {

/// Parameters that the engine agrees to hold: 64 GiB of fp32.
inline constexpr std::uint64_t kParametersMax = std::uint64_t{1} << 34;

/// Row-major: each row makes one output feature, as in the model's files.
struct Matrix {
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;

  Matrix() = default;
  Matrix(std::size_t r, std::size_t c) : rows(r), columns(c), values(r * c) {}
  const float* row(std::size_t r) const { return values.data() + r * columns; }
  float* row(std::size_t r) { return values.data() + r * columns; }
};

struct LayerWeights {
  std::vector<float> attention_norm;  // hidden
  Matrix qkv;                         // query heads, then key heads, then value heads; one product instead of three
  Matrix attention_out;               // hidden rows
  std::vector<float> mlp_norm;        // hidden
  Matrix gate_up;                     // intermediate rows of gate, then as many of up
  Matrix down;                        // hidden rows
};

/// Immutable once loaded; threads may share it.
struct Model {
  ModelConfig config;
  Matrix embedding;  // a row a token
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;
  Matrix output;  // empty if the embeddings are tied
  /// A synthetic model's canonical spec, which says all about its weights; empty for a model from files.
  std::string weights_name;
  /// The files that hold the weights; empty for a synthetic model.
  std::vector<std::string> weights_files;

  const Matrix& output_matrix() const { return config.tied_embeddings ? embedding : output; }
};

/// The number of parameters that `config` implies. No overflow within model_config.h's bounds.
std::uint64_t count_parameters(const ModelConfig& config);

/// A model of zeros with all matrices of the right shape. kModelTooLarge over kParametersMax.
base::Result<Model> allocate_model(const ModelConfig& config);

}  // namespace kvp2p::engine
