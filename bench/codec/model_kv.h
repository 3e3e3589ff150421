// A real model's KV of a real text, and what coding it does to what the model says next.
#pragma once

#include "base/bytes.h"
#include "engine/model_loader.h"
#include "engine/paged_kv_cache.h"
#include "engine/transformer.h"
#include "kv/codec.h"

#include <span>
#include <vector>

namespace kvp2p::bench {

/// What a model says of the rest of a text, beside what it says after exact KV.
struct Quality {
  double perplexity = 0;
  /// Of the tokens' distributions, exact against coded, in nats.
  double divergence = 0;
  double logit_mean = 0;
  double logit_max = 0;
  double logit_range = 0;
  /// Tokens whose likeliest successor is the same.
  std::size_t same_argmax = 0;
  std::size_t tokens = 0;
};

/// The first `prefix` tokens are prefilled once; then the rest is taken through the model as often as is asked, with
/// the prefix's KV as each codec leaves it. Not thread-safe.
class ModelKv {
 public:
  /// REQUIRES: prefix is a multiple of kBlockTokens below text.size() - 1.
  ModelKv(const engine::Model& model, std::vector<engine::Token> text, std::size_t prefix);

  /// The prefix's KV in wire order, f32, block by block.
  base::Bytes in_wire_order();
  /// Codes and decodes the prefix's KV, takes the rest of the text in and compares. kNone: what there is to compare
  /// with.
  Quality quality(Codec codec);

 private:
  std::vector<float> rest_of_text();

  const engine::Model& model_;
  const std::vector<engine::Token> text_;
  const std::size_t prefix_;
  engine::Transformer transformer_;
  engine::PagedKvCache kv_;
  engine::BlockTable table_;
  base::Bytes prefilled_;     // the engine's memory after the prefix
  std::vector<float> exact_;  // logits, [token][vocabulary]
};

}  // namespace kvp2p::bench
