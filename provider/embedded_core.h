// The core calls with the node in this process.
#pragma once

#include "cache/cache_manager.h"
#include "provider/kv_core.h"

#include <functional>

namespace kvp2p {

/// Thread-safe. A thin form over CacheManager: ids become states, states answer.
class EmbeddedCore final : public KvCore {
 public:
  /// The manager outlives the core. `more_counters` adds the network side's to stats().
  EmbeddedCore(CacheManager& manager, Codec codec, base::Bytes tenant_salt,
               std::function<void(CoreStats&)> more_counters);

  Codec codec() const override { return codec_; }
  base::Bytes tenant_salt() const override { return tenant_salt_; }

  base::Result<RegionId> register_region(const RegionMemory& memory, const LayoutDesc& layout) override;
  void unregister_region(RegionId region) override;
  Fingerprint register_model(const ModelSpec& spec) override;

  MatchId match(MatchRequest request) override;
  base::Result<MatchStatus> match_status(MatchId match) override;
  base::Result<MatchStatus> wait_match(MatchId match, base::TimePoint deadline) override;

  void report_prefill(const Fingerprint& model, std::size_t tokens, std::size_t context, base::Duration time) override;

  base::Result<TransferId> get(GetRequest request) override;
  base::Result<TransferStatus> transfer_status(TransferId transfer) override;
  base::Result<bool> layer_ready(TransferId transfer, std::uint32_t layer) override;
  base::Result<TransferStatus> wait_layer(TransferId transfer, std::uint32_t layer, base::TimePoint deadline) override;
  base::Result<TransferStatus> stream_wait_layer(TransferId transfer, std::uint32_t layer, void* stream,
                                                 base::TimePoint deadline) override;
  base::Result<TransferStatus> wait_transfer(TransferId transfer, base::TimePoint deadline) override;
  base::Result<std::vector<std::size_t>> failed_blocks(TransferId transfer) override;
  void cancel(TransferId transfer) override;
  base::Result<TransferReport> transfer_report(TransferId transfer) override;

  base::Result<PutId> put(PutRequest request) override;
  base::Result<bool> source_released(PutId put) override;
  base::Result<> wait_source_released(PutId put, base::TimePoint deadline) override;
  base::Result<bool> published(PutId put) override;
  base::Result<> wait_published(PutId put, base::TimePoint deadline) override;
  base::Result<PutReport> put_report(PutId put) override;

  base::Result<OfferId> offer(PutRequest request) override;
  void revoke(OfferId offer) override;
  base::Result<> wait_unleased(OfferId offer, base::TimePoint deadline) override;

  int event_fd() const override;
  std::vector<Completion> drain() override;

  void release(MatchId match) override;
  void release(TransferId transfer) override;
  void release(PutId put) override;
  void release(OfferId offer) override;

  CoreStats stats() const override;

 private:
  CacheManager& manager_;
  const Codec codec_;
  const base::Bytes tenant_salt_;
  std::function<void(CoreStats&)> more_counters_;
};

}  // namespace kvp2p
