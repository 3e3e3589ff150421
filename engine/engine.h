// The reference engine: takes a prompt in and generates greedily, with or without a shared KV cache.
//
//   Engine engine(model, {});
//   engine.use_cache(provider, cache_dir);
//   auto sequence = engine.prefill(prompt);
//   auto tokens = engine.decode(*sequence, 64);
#pragma once

#include "engine/backend.h"
#include "engine/sequence.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace kvp2p::engine {

inline constexpr std::size_t kDefaultChunkTokens = 4 * kPrefillTile;

struct EngineOptions {
  /// Tokens of prompt and output that one sequence may have; the model's own limit is the other bound.
  std::size_t tokens_max = 4096;
  /// Pages for this many tokens in all sequences.
  std::size_t kv_tokens = 8192;
  std::size_t page_tokens = kPageTokensUnit;
  KvLayout layout = KvLayout::kNhd;
  /// Tokens that are computed at once. A GPU wants far more of them than a processor.
  std::size_t chunk_tokens = kDefaultChunkTokens;
  /// More places to cut prompts: to compute a prompt in the chunks that it would have after a fetched prefix.
  std::vector<std::size_t> extra_cuts;
  /// decode() stops after one of the model's end tokens.
  bool stop_at_end_token = true;
  /// How long one prompt may wait for the shared cache, in all.
  base::Duration cache_budget = std::chrono::seconds(2);
  /// Called by prefill() after each chunk, with the tokens done and the prompt's.
  std::function<void(std::size_t, std::size_t)> on_prefill;
  /// Called by decode() for each token.
  std::function<void(Token)> on_token;
};

/// Positions and pages that `options` imply for a model: for those who make a backend.
std::size_t positions_for(const ModelConfig& config, const EngineOptions& options);
KvPagesOptions kv_options_for(const ModelConfig& config, const EngineOptions& options);

/// Used by one thread. The model outlives it, and it outlives its sequences.
class Engine {
 public:
  /// On the processor.
  Engine(const Model& model, EngineOptions options);
  /// On `backend`, made for these options.
  Engine(std::unique_ptr<Backend> backend, EngineOptions options);

  const ModelConfig& config() const { return backend_->config(); }
  const EngineOptions& options() const { return options_; }
  KvPages& kv() { return backend_->kv(); }

  /// From now on prompts are looked up in the shared cache and stored there. Registers the engine's memory: `provider`
  /// must be gone before the engine is. Hashes the weights, see model_spec_of().
  base::Result<> use_cache(KVCacheProvider& provider, const std::filesystem::path& cache_dir);
  /// From now on prompts are computed here.
  void use_no_cache() { provider_ = nullptr; }

  /// Takes a prompt in. kEmptyPrompt, kTokenOutOfVocabulary, kContextTooLong, kOutOfKvBlocks, kDeviceFailed. The
  /// cache's failures are no errors: what it does not deliver is computed.
  base::Result<Sequence> prefill(std::vector<Token> prompt);

  /// Appends up to `count` tokens and returns them. Greedy. kContextTooLong, kOutOfKvBlocks before any is appended.
  base::Result<std::vector<Token>> decode(Sequence& sequence, std::size_t count);

 private:
  base::Result<> check(std::span<const Token> prompt) const;
  PrefixCache open_cache(const Sequence& sequence);
  base::Result<Backend::Passed> run_pass(Sequence& sequence);
  base::Result<Backend::Passed> run_chunk(Sequence& sequence, std::size_t start, std::size_t end, bool first);

  const EngineOptions options_;
  const std::unique_ptr<Backend> backend_;
  KVCacheProvider* provider_ = nullptr;
};

}  // namespace kvp2p::engine
