// What a producer and a consumer have in common: a model, a prompt, a node, an engine on it.
#pragma once

#include "apps/gpu-demo/engine_maker.h"
#include "apps/gpu-demo/options.h"
#include "apps/gpu-demo/progress.h"
#include "apps/gpu-demo/report.h"
#include "apps/gpu-demo/stop_signal.h"
#include "engine/engine.h"
#include "engine/vocab.h"
#include "provider/kv_cache_provider.h"
#include "provider/node.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p::demo {

/// Members are destroyed in the opposite order: the engine's sequences go before the session does.
class Session {
 public:
  /// Loads the model and the prompt, starts the node and tells where it listens. On failure reports the error and
  /// `exit_code` is what to leave with.
  Session(const Options& options, const Reporter& reporter, StopSignal& stop);
  ~Session();

  /// Nothing if everything is up, else the exit code.
  std::optional<int> exit_code() const { return exit_code_; }

  const Options& options() const { return options_; }
  const Reporter& reporter() const { return reporter_; }
  StopSignal& stop() { return stop_; }
  Node& node() { return *node_; }
  Progress& progress() { return progress_; }
  const EngineMaker& engines() const { return *engines_; }
  const std::vector<engine::Token>& prompt() const { return prompt_; }

  /// The engine that uses the shared cache.
  engine::Engine& engine() { return *engine_; }
  engine::EngineOptions engine_options() const;
  /// Where prompts are cut besides the chunks: after the last block that can be fetched. A GPU's bits depend on the
  /// cuts, and with this one a prompt has the same whether that much of it is computed or fetched.
  std::size_t last_cut() const { return (prompt_.size() - 1) / kBlockTokens * kBlockTokens; }
  /// The text of tokens, or nothing where the model has no vocabulary.
  std::string text_of(const std::vector<engine::Token>& tokens) const;

  /// Dials --peer, or waits for mDNS; returns when one is there or none will be. What failed is logged.
  void find_peers();
  void report_stats() const;
  int fail(const std::string& message);

 private:
  std::optional<int> load_model();
  std::optional<int> load_prompt();
  std::optional<int> start_node();
  std::optional<int> start_engine();
  base::Result<> warm_up();

  const Options& options_;
  const Reporter& reporter_;
  StopSignal& stop_;
  Progress progress_;
  /// As of --device, or "host" where "auto" found a GPU that the engine cannot use.
  std::string device_;
  std::unique_ptr<EngineMaker> engines_;
  std::optional<engine::Vocab> vocab_;
  std::vector<engine::Token> prompt_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<KVCacheProvider> provider_;
  std::optional<int> exit_code_;
};

}  // namespace kvp2p::demo
