// A KVCacheProvider in one process's memory, with failures to order, for tests of the engine.
#pragma once

#include "provider/kv_cache_provider.h"

#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace kvp2p::engine::testing {

/// Blocks by the tokens up to their end: per layer the bytes of [K|V][head][token][dim].
using FakeStore = std::map<std::vector<TokenId>, std::vector<std::vector<std::byte>>>;

/// Several providers may share a store, as nodes do. Used by one thread; requests must not outlive it.
class FakeProvider final : public KVCacheProvider {
 public:
  explicit FakeProvider(FakeStore& store) : store_(store) {}

  struct Failure {
    std::uint32_t layer = 0;
    /// Blocks from this one on fail when that layer is waited for; their bytes have been overwritten with nonsense.
    std::size_t first_block = 0;
  };
  /// Failures that happen once each, in order.
  std::vector<Failure> failures;
  /// begin() fails.
  bool broken = false;

  std::size_t lookups = 0;
  ModelSpec spec;
  LayoutDesc layout;

  base::Result<> register_engine(const ModelSpec& model, const RegionMemory& memory,
                                 const LayoutDesc& engine_layout) override;
  base::Result<std::unique_ptr<KVRequest>> begin(std::vector<TokenId> tokens, std::vector<Slot> slots,
                                                 std::vector<Extras> extras = {}) override;
  std::size_t lookup(const std::vector<TokenId>& tokens, base::TimePoint deadline) override;
  void prefetch(const std::vector<TokenId>&, base::TimePoint) override {}
  void report_prefill(std::size_t tokens, std::size_t context, base::Duration time) override {
    reports.push_back({tokens, context, time});
  }
  CoreStats stats() const override { return {}; }

  struct PrefillTime {
    std::size_t tokens = 0;
    std::size_t context = 0;
    base::Duration time{};
  };
  std::vector<PrefillTime> reports;

  // For its requests.
  std::size_t blocks_found(const std::vector<TokenId>& tokens) const;
  void load(const std::vector<TokenId>& tokens, Slot slot, std::size_t block, std::uint32_t layer);
  void save(const std::vector<TokenId>& tokens, Slot slot, std::size_t block);
  void spoil(Slot slot);
  std::optional<Failure> take_failure(std::uint32_t layer);

 private:
  template <class Visit>
  void visit_rows(Slot slot, std::uint32_t layer, Visit visit) const;

  FakeStore& store_;
  std::byte* start_ = nullptr;
};

}  // namespace kvp2p::engine::testing
