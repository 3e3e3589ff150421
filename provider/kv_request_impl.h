// One prompt over the core calls: one match, one transfer, puts of what was computed.
#pragma once

#include "provider/kv_cache_provider.h"

#include <functional>

namespace kvp2p {

/// An engine that has registered.
struct RegisteredEngine {
  Fingerprint fingerprint;
  ObjectFormat format;
  RegionId region{};
  std::uint32_t slots = 0;
};

/// Longest time that a transfer may run beyond the deadline of the layer-0 look-up; each later layer's wait has its
/// own.
inline constexpr base::Duration kTransferTimeMax = std::chrono::seconds(60);
/// How long destruction waits until puts have left the engine's memory.
inline constexpr base::Duration kSourceReleaseTimeMax = std::chrono::seconds(10);

class KVRequestImpl final : public KVRequest {
 public:
  /// `keys`: the prompt's full blocks, of which the first `matchable` may be fetched. `on_match` is told of the match.
  KVRequestImpl(KvCore& core, RegisteredEngine engine, std::vector<BlockKey> keys, std::size_t matchable,
                std::vector<Slot> slots, std::function<void(MatchId)> on_match);
  ~KVRequestImpl() override;

  LookupResult lookup_kv(std::uint32_t layer, base::TimePoint deadline) override;
  LookupResult lookup_all(base::TimePoint deadline) override;
  void store_kv(std::uint32_t layer, std::size_t tokens) override;
  base::Result<> wait_stored(base::TimePoint deadline) override;
  base::Result<> wait_published(base::TimePoint deadline) override;
  TransferReport transfer_report() const override;
  PutReport put_report() const override;

 private:
  /// The one match and the start of the one transfer; the first time only.
  void decide(base::TimePoint deadline);
  void start_transfer(MatchId match, std::size_t blocks, base::TimePoint deadline);
  LookupResult answer_at_start(const base::Result<TransferStatus>& status);
  LookupResult miss() const;
  base::Result<> take_back_offers(base::TimePoint deadline);

  KvCore& core_;
  const RegisteredEngine engine_;
  const std::vector<BlockKey> keys_;
  const std::size_t matchable_;
  const std::vector<Slot> slots_;
  const std::function<void(MatchId)> on_match_;

  bool decided_ = false;
  TransferId transfer_{};
  bool has_transfer_ = false;
  /// Blocks that the engine was told it has.
  std::size_t promised_ = 0;
  std::string reason_;
  std::string decision_;
  /// Tokens stored, by layer, in the current pass.
  std::vector<std::size_t> stored_tokens_;
  std::size_t blocks_put_ = 0;
  std::vector<PutId> puts_;
  /// Of the same blocks: until the engine wants them back, peers read them in place.
  std::vector<OfferId> offers_;
  base::Duration match_time_{};
};

}  // namespace kvp2p
