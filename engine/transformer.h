// The Llama network: embedding, layers, logits. Knows pages, knows nothing of caches beyond its own.
#pragma once

#include "engine/attention.h"
#include "engine/batch.h"
#include "engine/paged_kv_cache.h"
#include "engine/rope.h"
#include "engine/weights.h"

#include <cstdint>
#include <span>
#include <vector>

namespace kvp2p::engine {

/// A token id.
using Token = std::uint32_t;

/// Rows of one product during prefill: large enough for nearly full speed, small enough to pad.
inline constexpr std::size_t kPrefillTile = 48;

/// Used by one thread; several may share a Model. The model outlives it.
class Transformer {
 public:
  /// Serves positions [0, positions).
  Transformer(const Model& model, std::size_t positions);

  const Model& model() const { return model_; }
  std::size_t positions() const { return positions_; }

  /// Tokens of a prompt. REQUIRES: ids inside the vocabulary, start + tokens.size() <= positions().
  Batch embed_prompt(std::span<const Token> tokens, std::size_t start) const;
  /// One generated token: a batch without padding, whose products are matrix times vector.
  Batch embed_next(Token token, std::size_t position) const;

  /// Takes the batch through one layer: writes the tokens' K and V of this layer to `kv`, then attends.
  /// REQUIRES: `table` covers the batch, and holds this layer's K and V of all tokens before it.
  void run_layer(Batch& batch, std::size_t layer, PagedKvCache& kv, const BlockTable& table);

  /// What token may follow token `index` of a batch that has passed all layers: a score for each token of the
  /// vocabulary.
  std::span<const float> logits(const Batch& batch, std::size_t index);

 private:
  Batch embed(std::span<const Token> tokens, std::size_t start, std::size_t tile) const;
  void project_qkv(const Batch& batch, const LayerWeights& weights);
  void store_kv(const Batch& batch, std::size_t layer, PagedKvCache& kv, const BlockTable& table);
  void run_mlp(Batch& batch, const LayerWeights& weights);
  /// normed_[row] = rms_norm of hidden[row], for the batch's tokens.
  void normalise(const Batch& batch, const std::vector<float>& weight);

  const Model& model_;
  const std::size_t positions_;
  Rope rope_;
  Attention attention_;
  // Scratch, all [batch.rows()][…].
  std::vector<float> normed_;
  std::vector<float> qkv_;
  std::vector<float> attended_;
  std::vector<float> gate_up_;
  std::vector<float> activated_;
  std::vector<float> residual_;
  std::vector<float> logits_;
};

/// The index of the greatest score, the lowest of equals.
Token argmax(std::span<const float> scores);

}  // namespace kvp2p::engine
