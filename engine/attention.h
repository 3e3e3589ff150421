// Causal attention with grouped query heads, over a paged KV cache.
#pragma once

#include "engine/batch.h"
#include "engine/model_config.h"
#include "engine/paged_kv_cache.h"

#include <vector>

namespace kvp2p::engine {

/// Holds scratch memory only. Not thread-safe.
class Attention {
 public:
  explicit Attention(const ModelConfig& config) : config_(config) {}

  /// Each token of `batch` attends to itself and all before it, whose K and V are in `kv` for this layer.
  /// `queries`: [batch.rows()] rows, `stride` floats apart, of [head][dim]. `out`: [batch.rows()][head][dim].
  ///
  /// Each head's K and V are gathered into a contiguous copy first, so results do not depend on the cache's layout.
  void run(const Batch& batch, std::size_t layer, const PagedKvCache& kv, const BlockTable& table, const float* queries,
           std::size_t stride, float* out);

 private:
  void run_tile(const Batch& batch, std::size_t first_row, const float* queries, std::size_t stride, float* out);

  const ModelConfig& config_;
  std::vector<float> keys_;    // [context][dim] of one KV head
  std::vector<float> values_;  // likewise
  std::vector<float> scores_;  // [tile][context]
};

/// Turns the first `seen` scores into probabilities and the others, which the row must not see, into zeros.
void softmax_causal(float* scores, std::size_t seen, std::size_t total);

}  // namespace kvp2p::engine
