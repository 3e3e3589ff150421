#include "bench/codec/model_kv.h"

#include "engine/model_spec.h"
#include "gpu/coded_copy.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace kvp2p::bench {

using engine::Token;

namespace {

constexpr std::size_t kChunk = 192;

engine::KvPagesOptions pages_for(const engine::ModelConfig& config, std::size_t tokens) {
  engine::KvPagesOptions options;
  options.layers = config.layers;
  options.kv_heads = config.kv_heads;
  options.head_dim = config.head_dim;
  options.pages = tokens / engine::kPageTokensUnit + 1;
  return options;
}

/// log of the sum of e^x, and with it each token's log-likelihood.
double log_sum(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(x - largest);
  return largest + std::log(sum);
}

double divergence(std::span<const float> exact, std::span<const float> coded) {
  const double exact_sum = log_sum(exact), coded_sum = log_sum(coded);
  double sum = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double log_p = exact[i] - exact_sum;
    sum += std::exp(log_p) * (log_p - (coded[i] - coded_sum));
  }
  return sum;
}

}  // namespace

ModelKv::ModelKv(const engine::Model& model, std::vector<Token> text, std::size_t prefix)
    : model_(model),
      text_(std::move(text)),
      prefix_(prefix),
      transformer_(model, text_.size()),
      kv_(pages_for(model.config, text_.size())),
      table_(kv_.allocate(text_.size()).value()) {
  for (std::size_t start = 0; start < prefix_; start += kChunk) {
    const std::size_t count = std::min(kChunk, prefix_ - start);
    auto batch = transformer_.embed_prompt({text_.data() + start, count}, start);
    for (std::size_t layer = 0; layer < model.config.layers; ++layer) {
      transformer_.run_layer(batch, layer, kv_, table_);
    }
  }
  const auto* memory = reinterpret_cast<const std::uint8_t*>(kv_.region().data());
  prefilled_.assign(memory, memory + kv_.region().size());
  exact_ = rest_of_text();
}

base::Bytes ModelKv::in_wire_order() {
  const LayoutDesc layout = engine::layout_of(kv_);
  const std::size_t slice_bytes = layout.format.layer_slice_bytes();
  base::Bytes wire(prefix_ / kBlockTokens * layout.format.block_bytes());
  std::uint8_t* to = wire.data();
  for (std::size_t block = 0; block < prefix_ / kBlockTokens; ++block) {
    for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer, to += slice_bytes) {
      gather_slice(make_slice_plan(layout, layer), prefilled_.data(), table_[block], to);
    }
  }
  return wire;
}

/// Logits after each token but the last.
std::vector<float> ModelKv::rest_of_text() {
  std::vector<float> logits;
  for (std::size_t start = prefix_; start + 1 < text_.size(); start += kChunk) {
    const std::size_t count = std::min(kChunk, text_.size() - 1 - start);
    auto batch = transformer_.embed_prompt({text_.data() + start, count}, start);
    for (std::size_t layer = 0; layer < model_.config.layers; ++layer) {
      transformer_.run_layer(batch, layer, kv_, table_);
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = transformer_.logits(batch, i);
      logits.insert(logits.end(), row.begin(), row.end());
    }
  }
  return logits;
}

Quality ModelKv::quality(Codec codec) {
  auto* const memory = reinterpret_cast<std::uint8_t*>(kv_.region().data());
  std::memcpy(memory, prefilled_.data(), prefilled_.size());
  if (codec != Codec::kNone) {
    LayoutDesc layout = engine::layout_of(kv_);
    layout.format.codec = codec;
    const CodedShape shape = CodedShape::of(layout.format);
    base::Bytes coded(layout.format.layer_slice_bytes());
    for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) {
      const SlicePlan plan = make_slice_plan(layout, layer);
      for (std::size_t block = 0; block < prefix_ / kBlockTokens; ++block) {
        gather_coded(plan, shape, memory, table_[block], coded.data());
        scatter_coded(plan, shape, coded.data(), memory, table_[block]);
      }
    }
  }
  const std::vector<float> logits = rest_of_text();
  const std::size_t vocab = model_.config.vocab;
  Quality quality;
  quality.tokens = logits.size() / vocab;
  double log_likelihood = 0;
  const auto [low, high] = std::minmax_element(exact_.begin(), exact_.end());
  quality.logit_range = *high - *low;
  for (std::size_t token = 0; token < quality.tokens; ++token) {
    const std::span exact(exact_.data() + token * vocab, vocab);
    const std::span coded(logits.data() + token * vocab, vocab);
    log_likelihood += coded[text_[prefix_ + token + 1]] - log_sum(coded);
    quality.divergence += divergence(exact, coded) / static_cast<double>(quality.tokens);
    quality.same_argmax += engine::argmax(exact) == engine::argmax(coded);
    for (std::size_t i = 0; i < vocab; ++i) {
      const double change = std::fabs(exact[i] - coded[i]);
      quality.logit_mean += change / static_cast<double>(logits.size());
      quality.logit_max = std::max(quality.logit_max, change);
    }
  }
  quality.perplexity = std::exp(-log_likelihood / static_cast<double>(quality.tokens));
  return quality;
}

}  // namespace kvp2p::bench
