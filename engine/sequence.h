// A prompt that the engine has taken in, and the pages that hold its K and V.
#pragma once

#include "engine/kv_pages.h"
#include "engine/prefix_cache.h"
#include "engine/transformer.h"

#include <string>
#include <vector>

namespace kvp2p::engine {

/// What prefill did and how long it took.
struct PrefillReport {
  std::size_t prompt_tokens = 0;
  /// prompt_tokens = fetched_tokens + computed_tokens, as of the pass that succeeded.
  std::size_t fetched_tokens = 0;
  std::size_t computed_tokens = 0;
  /// Forward passes that were given up because fetched blocks failed.
  std::size_t restarts = 0;
  base::Duration total{};
  /// Of it, waiting for the cache.
  base::Duration waited{};
  /// Why less was fetched than was asked for, for people; may be empty.
  std::string reason;
};

/// Holds pages of the engine's cache until it is destroyed, which waits, at most the cache's budget, until the shared
/// cache no longer reads them. Pages that it may still read then are never used again. Used by the engine's thread; the
/// engine outlives it.
class Sequence {
 public:
  Sequence(KvPages& kv, std::vector<Token> prompt) : kv_(&kv), tokens_(std::move(prompt)) {}
  Sequence(Sequence&& other) noexcept;
  Sequence& operator=(Sequence&&) = delete;
  ~Sequence();

  /// The prompt and what was generated after it.
  const std::vector<Token>& tokens() const { return tokens_; }
  const PrefillReport& report() const { return report_; }
  PrefixCache& cache() { return cache_; }
  const BlockTable& table() const { return table_; }

  /// SHA-256 in hex of the K and V bits of the first `tokens` tokens, in an order that does not depend on the layout:
  /// layer, K|V, head, token. Equal digests mean equal bits.
  /// Empty, with the reason logged, if the K and V could not be read.
  std::string kv_digest(std::size_t tokens) const;

 private:
  friend class Engine;

  KvPages* kv_;
  std::vector<Token> tokens_;
  BlockTable table_;
  PrefixCache cache_;
  PrefillReport report_;
  Token next_ = 0;  // follows tokens_
};

}  // namespace kvp2p::engine
