// The seed's interface for an engine: look up the KV of a prompt layer by layer, store what was computed.
//
// The request is decided at layer 0: one match, one transfer. Later layers only wait. A failure after that is the
// answer "restart from a shorter prefix", never a miss of one layer, because a layer cannot be recomputed without the
// hidden states of the layers below.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "kv/block_key.h"
#include "provider/kv_core.h"

#include <memory>
#include <span>
#include <vector>

namespace kvp2p {

enum class LookupOutcome : std::uint8_t {
  kMiss,     // compute everything
  kHit,      // the first `tokens` tokens of this layer are in the engine's slots
  kRestart,  // blocks failed: begin again from layer 0, of which only `tokens` tokens are there
};

struct LookupResult {
  LookupOutcome outcome = LookupOutcome::kMiss;
  /// A multiple of kBlockTokens; never the whole prompt: one token is left to compute for its logits.
  std::size_t tokens = 0;
  std::string reason;
};

/// One prompt being prefilled. Made by KVCacheProvider::begin(), used by one thread.
class KVRequest {
 public:
  virtual ~KVRequest() = default;  // cancels what is under way; afterwards nothing writes the engine's memory

  /// LookupKV of the seed. Layer 0 decides; each layer then waits until its K and V are in the engine's slots.
  virtual LookupResult lookup_kv(std::uint32_t layer, base::TimePoint deadline) = 0;
  /// Waits for all layers at once: for engines that load before the forward pass.
  virtual LookupResult lookup_all(base::TimePoint deadline) = 0;
  /// StoreKV of the seed: this layer of the blocks computed so far has been written to the engine's slots. Returns at
  /// once. When all layers are in, the full blocks are published, and until wait_stored() or the request's end they are
  /// also offered in place: the engine leaves them unchanged until then. `tokens`: how many from the start are computed
  /// or fetched.
  virtual void store_kv(std::uint32_t layer, std::size_t tokens) = 0;
  /// Takes back what is offered. Until the engine may overwrite what it has stored.
  virtual base::Result<> wait_stored(base::TimePoint deadline) = 0;
  /// Until what was stored can be found by peers.
  virtual base::Result<> wait_published(base::TimePoint deadline) = 0;

  /// Where time and bytes went.
  virtual TransferReport transfer_report() const = 0;
  virtual PutReport put_report() const = 0;
};

/// Thread-safe.
class KVCacheProvider {
 public:
  /// `core` outlives the provider.
  static std::unique_ptr<KVCacheProvider> create(KvCore& core);
  virtual ~KVCacheProvider() = default;

  /// Tells which model and which memory: once an engine. `memory` is the engine's paged KV cache. Blocks are coded with
  /// the layout's codec, or with the node's if the layout has none.
  virtual base::Result<> register_engine(const ModelSpec& spec, const RegionMemory& memory,
                                         const LayoutDesc& layout) = 0;
  /// A prompt and the slots where its KV lives or shall live: one a block, the last partial block's included.
  virtual base::Result<std::unique_ptr<KVRequest>> begin(std::vector<TokenId> tokens, std::vector<Slot> slots,
                                                         std::vector<Extras> extras = {}) = 0;
  /// Looks a prompt up without fetching it: the number of leading tokens that could be had.
  virtual std::size_t lookup(const std::vector<TokenId>& tokens, base::TimePoint deadline) = 0;
  /// Starts the look-up early (and keeps its leases), so that begin() for the same tokens joins it.
  virtual void prefetch(const std::vector<TokenId>& tokens, base::TimePoint deadline) = 0;

  /// What the prefill of `tokens` tokens took that have `context` tokens before them, waiting for the cache left out.
  /// An engine that reports it is given only what is there sooner by fetching than by computing.
  virtual void report_prefill(std::size_t tokens, std::size_t context, base::Duration time) = 0;

  virtual CoreStats stats() const = 0;
};

}  // namespace kvp2p
