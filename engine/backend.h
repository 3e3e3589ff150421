// Where the network runs and its K and V live: the processor with fp32, or a GPU with bf16.
#pragma once

#include "engine/kv_pages.h"
#include "engine/transformer.h"
#include "kv/model_spec.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

namespace kvp2p::engine {

/// One model with its pages and scratch memory. Used by one thread.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual const ModelConfig& config() const = 0;
  /// Serves positions [0, positions()).
  virtual std::size_t positions() const = 0;
  virtual KvPages& kv() = 0;
  /// Everything of the model that changes what its K and V mean, see model_spec_of().
  virtual base::Result<ModelSpec> spec(const std::filesystem::path& cache_dir) const = 0;

  enum class Passed : std::uint8_t { kAllLayers, kStopped };
  /// May wait for the layer's K and V of earlier tokens; false: give the pass up.
  using BeforeLayer = std::function<bool(std::uint32_t layer)>;

  /// Takes a prompt's tokens [start, start + tokens.size()) through all layers and writes their K and V to the pages of
  /// `table`, which holds those of all tokens before. When it returns nothing reads or writes the pages any more.
  /// REQUIRES: ids inside the vocabulary; no more tokens than the chunk the backend was made for.
  virtual base::Result<Passed> run_prompt(std::span<const Token> tokens, std::size_t start, const BlockTable& table,
                                          const BeforeLayer& before_layer) = 0;
  /// One generated token. REQUIRES: `table` holds K and V of all before.
  virtual base::Result<> run_next(Token token, std::size_t position, const BlockTable& table) = 0;
  /// What follows the last token that has been run, greedily.
  virtual base::Result<Token> next_token() = 0;
};

}  // namespace kvp2p::engine
