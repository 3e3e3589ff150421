// One prompt's dealings with the shared KV cache, as the forward pass needs them.
#pragma once

#include "provider/kv_cache_provider.h"

#include <cstdint>
#include <memory>
#include <string>

namespace kvp2p::engine {

/// Used by the engine's thread. Waiting for the cache takes at most the budget in all, however often and for whatever
/// the engine waits: a slow cache costs a bounded time, and then the prompt is computed.
class PrefixCache {
 public:
  /// No cache: all answers are misses and nothing is stored.
  PrefixCache() = default;
  PrefixCache(std::unique_ptr<KVRequest> request, base::Duration budget);

  /// What the forward pass may do with a layer.
  struct Answer {
    /// Begin again from layer 0 with begin_pass().
    bool restart = false;
    /// Leading tokens whose K and V of this layer are in the engine's pages.
    std::size_t tokens = 0;
  };

  /// Before a forward pass: how many leading tokens it may skip, less than the whole prompt. Decides the look-up and
  /// waits for layer 0.
  std::size_t begin_pass();
  /// Before `layer`'s attention: waits until the tokens that begin_pass() promised are there.
  Answer wait_layer(std::uint32_t layer);
  /// All layers of the first `tokens` tokens are in the engine's pages, and will not change until finish().
  void store(std::uint32_t layers, std::size_t tokens);
  /// Waits until nothing reads or writes the engine's pages any more; false if that is not sure within the budget, and
  /// then they must not be used again: what still reads them would store another prompt's KV under this one's keys.
  [[nodiscard]] bool finish();
  /// Until peers can find what was stored.
  base::Result<> wait_published(base::TimePoint deadline);

  bool is_on() const { return request_ != nullptr; }
  std::size_t restarts() const { return restarts_; }
  base::Duration waited() const { return waited_; }
  /// Why less was fetched than was asked for, for people; may be empty.
  const std::string& reason() const { return reason_; }
  TransferReport transfer_report() const { return request_ ? request_->transfer_report() : TransferReport{}; }
  PutReport put_report() const { return request_ ? request_->put_report() : PutReport{}; }

 private:
  LookupResult look_up(std::uint32_t layer);

  std::unique_ptr<KVRequest> request_;
  base::Duration budget_{};
  base::Duration waited_{};
  std::size_t promised_ = 0;
  std::size_t restarts_ = 0;
  /// No pass may be promised this many tokens again: it falls with every restart, so passes come to an end.
  std::size_t limit_ = SIZE_MAX;
  std::string reason_;
};

}  // namespace kvp2p::engine
