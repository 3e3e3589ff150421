#include "engine/engine.h"

#include "base/log.h"
#include "engine/chunks.h"
#include "engine/engine_error.h"
#include "engine/host_backend.h"
#include "engine/model_spec.h"

#include <algorithm>
#include <cassert>
#include <chrono>

namespace kvp2p::engine {
namespace {

using std::chrono::steady_clock;

}  // namespace

std::size_t positions_for(const ModelConfig& config, const EngineOptions& options) {
  return std::min<std::size_t>(config.max_positions, options.tokens_max);
}

KvPagesOptions kv_options_for(const ModelConfig& config, const EngineOptions& options) {
  return {.layers = config.layers,
          .kv_heads = config.kv_heads,
          .head_dim = config.head_dim,
          .pages = (options.kv_tokens + options.page_tokens - 1) / options.page_tokens,
          .page_tokens = options.page_tokens,
          .layout = options.layout};
}

Engine::Engine(const Model& model, EngineOptions options)
    : Engine(std::make_unique<HostBackend>(model, positions_for(model.config, options),
                                           kv_options_for(model.config, options)),
             options) {}

Engine::Engine(std::unique_ptr<Backend> backend, EngineOptions options)
    : options_(std::move(options)), backend_(std::move(backend)) {
  assert(options_.chunk_tokens > 0);
}

base::Result<> Engine::use_cache(KVCacheProvider& provider, const std::filesystem::path& cache_dir) {
  auto spec = backend_->spec(cache_dir);
  if (!spec) return spec.error();
  auto ok = provider.register_engine(*spec, kv().memory(), layout_of(kv()));
  if (ok) provider_ = &provider;
  return ok;
}

base::Result<> Engine::check(std::span<const Token> prompt) const {
  if (prompt.empty()) return EngineError::kEmptyPrompt;
  if (prompt.size() > backend_->positions()) return EngineError::kContextTooLong;
  for (Token token : prompt) {
    if (token >= config().vocab) return EngineError::kTokenOutOfVocabulary;
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
  Sequence sequence(kv(), std::move(prompt));
  if (auto ok = kv().extend(sequence.table_, sequence.tokens_.size()); !ok) return ok.error();
  sequence.cache_ = open_cache(sequence);
  // Each pass that fails leaves fewer tokens to hope for (PrefixCache), so this ends.
  for (auto passed = Backend::Passed::kStopped; passed == Backend::Passed::kStopped;) {
    const auto pass_begin = steady_clock::now();
    const base::Duration waited_before = sequence.cache_.waited();
    auto pass = run_pass(sequence);
    if (!pass) return pass.error();
    passed = *pass;
    if (provider_ == nullptr || passed == Backend::Passed::kStopped) continue;
    const std::size_t fetched = sequence.report_.fetched_tokens;
    provider_->report_prefill(sequence.tokens_.size() - fetched, fetched,
                              steady_clock::now() - pass_begin - (sequence.cache_.waited() - waited_before));
  }
  PrefillReport& report = sequence.report_;
  report.prompt_tokens = sequence.tokens_.size();
  report.computed_tokens = report.prompt_tokens - report.fetched_tokens;
  report.restarts = sequence.cache_.restarts();
  report.waited = sequence.cache_.waited();
  report.reason = sequence.cache_.reason();
  report.total = steady_clock::now() - begin;
  return sequence;
}

/// One attempt at the whole prompt; kStopped if fetched blocks failed under way.
base::Result<Backend::Passed> Engine::run_pass(Sequence& sequence) {
  const std::size_t all = sequence.tokens_.size();
  const std::size_t fetched = sequence.cache_.begin_pass();
  sequence.report_.fetched_tokens = fetched;
  std::size_t start = fetched;
  for (std::size_t end : chunk_ends(fetched, all, options_.chunk_tokens, options_.extra_cuts)) {
    auto passed = run_chunk(sequence, start, end, start == fetched);
    if (!passed || *passed == Backend::Passed::kStopped) return passed;
    if (options_.on_prefill) options_.on_prefill(end, all);
    start = end;
  }
  auto next = backend_->next_token();
  if (!next) return next.error();
  sequence.next_ = *next;
  return Backend::Passed::kAllLayers;
}

/// Takes a chunk through all layers. The first chunk of a pass waits at each layer for what is being fetched of it,
/// while later layers are still on their way; so computing and fetching overlap.
base::Result<Backend::Passed> Engine::run_chunk(Sequence& sequence, std::size_t start, std::size_t end, bool first) {
  const auto before_layer = [&](std::uint32_t layer) { return !first || !sequence.cache_.wait_layer(layer).restart; };
  auto passed =
      backend_->run_prompt({sequence.tokens_.data() + start, end - start}, start, sequence.table_, before_layer);
  // Not layer by layer: until all layers have passed, a failed block may still make this chunk be computed again.
  if (passed && *passed == Backend::Passed::kAllLayers) sequence.cache_.store(config().layers, end);
  return passed;
}

base::Result<std::vector<Token>> Engine::decode(Sequence& sequence, std::size_t count) {
  if (sequence.tokens_.size() + count > backend_->positions()) return EngineError::kContextTooLong;
  if (auto ok = kv().extend(sequence.table_, sequence.tokens_.size() + count); !ok) return ok.error();
  const std::vector<Token>& ends = config().eos_tokens;
  std::vector<Token> generated;
  while (generated.size() < count) {
    const Token token = sequence.next_;
    const std::size_t position = sequence.tokens_.size();
    sequence.tokens_.push_back(token);
    generated.push_back(token);
    if (options_.on_token) options_.on_token(token);
    if (options_.stop_at_end_token && std::find(ends.begin(), ends.end(), token) != ends.end()) break;
    if (auto ok = backend_->run_next(token, position, sequence.table_); !ok) return ok.error();
    auto next = backend_->next_token();
    if (!next) return next.error();
    sequence.next_ = *next;
  }
  return generated;
}

}  // namespace kvp2p::engine
