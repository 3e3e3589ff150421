#include "engine/attention.h"

#include "engine/matmul.h"

#include <algorithm>
#include <cmath>

namespace kvp2p::engine {

void softmax_causal(float* scores, std::size_t seen, std::size_t total) {
  const float highest = *std::max_element(scores, scores + seen);
  double sum = 0;
  for (std::size_t i = 0; i < seen; ++i) {
    scores[i] = std::exp(scores[i] - highest);
    sum += scores[i];
  }
  const auto scale = static_cast<float>(1 / sum);
  for (std::size_t i = 0; i < seen; ++i) scores[i] *= scale;
  std::fill(scores + seen, scores + total, 0.0f);
}

void Attention::run(const Batch& batch, std::size_t layer, const PagedKvCache& kv, const BlockTable& table,
                    const float* queries, std::size_t stride, float* out) {
  const std::size_t dim = config_.head_dim;
  const std::size_t group = config_.heads / config_.kv_heads;
  // Up to the end of the last tile; beyond the last token lie zeros, which no row sees.
  const std::size_t context = batch.grid_start() + batch.rows();
  keys_.resize(context * dim);
  values_.resize(context * dim);
  scores_.resize(batch.tile * context);
  for (std::size_t kv_head = 0; kv_head < config_.kv_heads; ++kv_head) {
    kv.gather(layer, KvPlane::kKeys, table, kv_head, batch.end(), keys_.data());
    kv.gather(layer, KvPlane::kValues, table, kv_head, batch.end(), values_.data());
    std::fill(keys_.begin() + static_cast<std::ptrdiff_t>(batch.end() * dim), keys_.end(), 0.0f);
    std::fill(values_.begin() + static_cast<std::ptrdiff_t>(batch.end() * dim), values_.end(), 0.0f);
    for (std::size_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      for (std::size_t row = 0; row < batch.rows(); row += batch.tile) {
        run_tile(batch, row, queries + head * dim, stride, out + head * dim);
      }
    }
  }
}

void Attention::run_tile(const Batch& batch, std::size_t first_row, const float* queries, std::size_t stride,
                         float* out) {
  const std::size_t dim = config_.head_dim;
  const std::size_t out_stride = config_.query_width();
  // The tile's own end, not the batch's: a product's shape must not depend on how the prompt was cut.
  const std::size_t context = batch.grid_start() + first_row + batch.tile;
  const float scale = 1 / std::sqrt(static_cast<float>(dim));
  multiply_transposed({queries + first_row * stride, batch.tile, dim, stride}, {keys_.data(), context, dim, dim}, scale,
                      scores_.data(), context);
  for (std::size_t i = 0; i < batch.tile; ++i) {
    const std::size_t position = batch.grid_start() + first_row + i;
    const bool padding = position < batch.start || position >= batch.end();
    if (padding) {
      std::fill_n(scores_.data() + i * context, context, 0.0f);
    } else {
      softmax_causal(scores_.data() + i * context, position + 1, context);
    }
  }
  multiply_plain({scores_.data(), batch.tile, context, context}, {values_.data(), context, dim, dim},
                 out + first_row * out_stride, out_stride);
}

}  // namespace kvp2p::engine
