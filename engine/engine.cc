#include "engine/engine.h"

#include "base/log.h"
#include "engine/chunks.h"
#include "engine/engine_error.h"
#include "engine/model_spec.h"

#include <algorithm>
#include <cassert>
#include <chrono>

namespace kvp2p::engine {
namespace {

using std::chrono::steady_clock;

std::size_t positions_for(const ModelConfig& config, const EngineOptions& options) {
  return std::min<std::size_t>(config.max_positions, options.tokens_max);
}

PagedKvCacheOptions kv_options(const ModelConfig& config, const EngineOptions& options) {
  return {.layers = config.layers,
          .kv_heads = config.kv_heads,
          .head_dim = config.head_dim,
          .pages = (options.kv_tokens + options.page_tokens - 1) / options.page_tokens,
          .page_tokens = options.page_tokens,
          .layout = options.layout};
}

}  // namespace

Engine::Engine(const Model& model, EngineOptions options)
    : options_(std::move(options)),
      transformer_(model, positions_for(model.config, options_)),
      kv_(kv_options(model.config, options_)) {
  assert(options_.chunk_tokens > 0);
}

base::Result<> Engine::use_cache(KVCacheProvider& provider, const std::filesystem::path& cache_dir) {
  auto spec = model_spec_of(model(), cache_dir);
  if (!spec) return spec.error();
  const auto region = kv_.region();
  auto ok = provider.register_engine(*spec, {region.data(), region.size()}, layout_of(kv_));
  if (ok) provider_ = &provider;
  return ok;
}

base::Result<> Engine::check(std::span<const Token> prompt) const {
  if (prompt.empty()) return EngineError::kEmptyPrompt;
  if (prompt.size() > transformer_.positions()) return EngineError::kContextTooLong;
  for (Token token : prompt) {
    if (token >= model().config.vocab) return EngineError::kTokenOutOfVocabulary;
  }
  return {};
}

PrefixCache Engine::open_cache(const Sequence& sequence) {
  if (!provider_) return {};
  auto request =
      provider_->begin(sequence.tokens_, slots_of(sequence.table_, options_.page_tokens, sequence.tokens_.size()));
  if (!request) {
    LOG_WARN("no shared KV for this prompt: {}", request.error().message());
    return {};
  }
  return {std::move(*request), options_.cache_budget};
}

base::Result<Sequence> Engine::prefill(std::vector<Token> prompt) {
  if (auto ok = check(prompt); !ok) return ok.error();
  const auto begin = steady_clock::now();
  Sequence sequence(kv_, std::move(prompt));
  if (auto ok = kv_.extend(sequence.table_, sequence.tokens_.size()); !ok) return ok.error();
  sequence.cache_ = open_cache(sequence);
  // Each pass that fails leaves fewer tokens to hope for (PrefixCache), so this ends.
  while (!run_pass(sequence)) continue;
  PrefillReport& report = sequence.report_;
  report.prompt_tokens = sequence.tokens_.size();
  report.computed_tokens = report.prompt_tokens - report.fetched_tokens;
  report.restarts = sequence.cache_.restarts();
  report.waited = sequence.cache_.waited();
  report.reason = sequence.cache_.reason();
  report.total = steady_clock::now() - begin;
  return sequence;
}

/// One attempt at the whole prompt; false if fetched blocks failed under way.
bool Engine::run_pass(Sequence& sequence) {
  const std::vector<Token>& prompt = sequence.tokens_;
  const std::size_t fetched = sequence.cache_.begin_pass();
  sequence.report_.fetched_tokens = fetched;
  std::size_t start = fetched;
  for (std::size_t end : chunk_ends(fetched, prompt.size(), options_.chunk_tokens, options_.extra_cuts)) {
    Batch batch = transformer_.embed_prompt({prompt.data() + start, end - start}, start);
    if (!run_chunk(sequence, batch, start == fetched)) return false;
    if (end == prompt.size()) sequence.next_ = argmax(transformer_.logits(batch, batch.count - 1));
    if (options_.on_prefill) options_.on_prefill(end, prompt.size());
    start = end;
  }
  return true;
}

/// Takes a chunk through all layers. The first chunk of a pass waits at each layer for what is being fetched of it,
/// while later layers are still on their way; so computing and fetching overlap.
bool Engine::run_chunk(Sequence& sequence, Batch& batch, bool first) {
  const std::uint32_t layers = model().config.layers;
  for (std::uint32_t layer = 0; layer < layers; ++layer) {
    if (first && sequence.cache_.wait_layer(layer).restart) return false;
    transformer_.run_layer(batch, layer, kv_, sequence.table_);
  }
  // Not layer by layer: until all layers have passed, a failed block may still make this chunk be computed again.
  sequence.cache_.store(layers, batch.end());
  return true;
}

base::Result<std::vector<Token>> Engine::decode(Sequence& sequence, std::size_t count) {
  if (sequence.tokens_.size() + count > transformer_.positions()) return EngineError::kContextTooLong;
  if (auto ok = kv_.extend(sequence.table_, sequence.tokens_.size() + count); !ok) return ok.error();
  const std::vector<Token>& ends = model().config.eos_tokens;
  std::vector<Token> generated;
  while (generated.size() < count) {
    const Token token = sequence.next_;
    const std::size_t position = sequence.tokens_.size();
    sequence.tokens_.push_back(token);
    generated.push_back(token);
    if (options_.on_token) options_.on_token(token);
    if (options_.stop_at_end_token && std::find(ends.begin(), ends.end(), token) != ends.end()) break;
    Batch batch = transformer_.embed_next(token, position);
    for (std::size_t layer = 0; layer < model().config.layers; ++layer) {
      transformer_.run_layer(batch, layer, kv_, sequence.table_);
    }
    sequence.next_ = argmax(transformer_.logits(batch, 0));
  }
  return generated;
}

}  // namespace kvp2p::engine
