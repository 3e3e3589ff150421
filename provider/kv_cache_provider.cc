#include "provider/kv_cache_provider.h"

#include "base/log.h"
#include "kv/prefix_match.h"
#include "kv/tenant.h"
#include "provider/kv_request_impl.h"

#include <deque>
#include <mutex>
#include <optional>

namespace kvp2p {

namespace {

/// Prompts whose look-up was started early and not used yet; the oldest is given up beyond this.
constexpr std::size_t kPrefetchesMax = 256;

class Provider final : public KVCacheProvider {
 public:
  explicit Provider(KvCore& core) : core_(core), tenant_salt_(core.tenant_salt()) {}

  ~Provider() override {
    for (const MatchId match : prefetched_) core_.release(match);
    if (engine_) core_.unregister_region(engine_->region);
  }

  base::Result<> register_engine(const ModelSpec& spec, const RegionMemory& memory, const LayoutDesc& layout) override {
    std::lock_guard lock(mutex_);
    if (engine_) return KvError::kBadRequest;
    LayoutDesc coded = layout;
    if (coded.format.codec == Codec::kNone) coded.format.codec = core_.codec();
    if (!can_code(coded.format.codec, coded.format.element)) {
      LOG_ERROR("the node's codec {} cannot hold elements of {}", name_of(coded.format.codec),
                name_of(coded.format.element));
      return KvError::kBadRequest;
    }
    auto region = core_.register_region(memory, coded);
    if (!region) return region.error();
    RegisteredEngine engine;
    engine.fingerprint = core_.register_model(spec);
    engine.format = coded.format;
    engine.region = *region;
    engine.slots = layout.slots();
    engine_ = engine;
    return {};
  }

  base::Result<std::unique_ptr<KVRequest>> begin(std::vector<TokenId> tokens, std::vector<Slot> slots,
                                                 std::vector<Extras> extras) override {
    const auto engine = registered();
    if (!engine) return KvError::kUnknownModel;
    if (tokens.empty() || slots.size() < (tokens.size() + kBlockTokens - 1) / kBlockTokens) return KvError::kBadRequest;
    for (const Slot slot : slots) {
      if (slot >= engine->slots) return KvError::kSlotOutOfRange;
    }
    return std::make_unique<KVRequestImpl>(core_, *engine, keys_of(*engine, tokens, std::move(extras)),
                                           matchable_blocks(tokens.size()), std::move(slots),
                                           [this](MatchId match) { take_over(match); });
  }

  std::size_t lookup(const std::vector<TokenId>& tokens, base::TimePoint deadline) override {
    auto request = request_for(tokens, deadline);
    if (!request) return 0;
    const MatchId match = core_.match(std::move(*request));
    const auto status = core_.wait_match(match, deadline);
    core_.release(match);
    return status && !status->pending ? status->blocks * kBlockTokens : 0;
  }

  void prefetch(const std::vector<TokenId>& tokens, base::TimePoint deadline) override {
    auto request = request_for(tokens, deadline);
    if (!request) return;
    const MatchId match = core_.match(std::move(*request));
    std::lock_guard lock(mutex_);
    prefetched_.push_back(match);
    if (prefetched_.size() <= kPrefetchesMax) return;
    core_.release(prefetched_.front());
    prefetched_.pop_front();
  }

  void report_prefill(std::size_t tokens, std::size_t context, base::Duration time) override {
    if (const auto engine = registered()) core_.report_prefill(engine->fingerprint, tokens, context, time);
  }

  CoreStats stats() const override { return core_.stats(); }

 private:
  std::optional<RegisteredEngine> registered() const {
    std::lock_guard lock(mutex_);
    return engine_;
  }

  std::vector<BlockKey> keys_of(const RegisteredEngine& engine, const std::vector<TokenId>& tokens,
                                std::vector<Extras> extras) const {
    extras = with_tenant_salt(std::move(extras), tokens.size() / kBlockTokens, tenant_salt_);
    return keys_from_tokens(engine.fingerprint, tokens, extras);
  }

  std::optional<MatchRequest> request_for(const std::vector<TokenId>& tokens, base::TimePoint deadline) const {
    const auto engine = registered();
    const std::size_t blocks = matchable_blocks(tokens.size());
    if (!engine || blocks == 0) return std::nullopt;
    MatchRequest request;
    request.fingerprint = engine->fingerprint;
    request.keys = keys_of(*engine, tokens, {});
    request.keys.resize(blocks);
    request.shards = {engine->format};
    request.deadline = deadline;
    return request;
  }

  /// A request has joined a look-up: if prefetch() held it, it need not any more.
  void take_over(MatchId match) {
    std::lock_guard lock(mutex_);
    const auto held = std::find(prefetched_.begin(), prefetched_.end(), match);
    if (held == prefetched_.end()) return;
    prefetched_.erase(held);
    core_.release(match);
  }

  KvCore& core_;
  const base::Bytes tenant_salt_;
  mutable std::mutex mutex_;
  std::optional<RegisteredEngine> engine_;
  std::deque<MatchId> prefetched_;
};

}  // namespace

std::unique_ptr<KVCacheProvider> KVCacheProvider::create(KvCore& core) { return std::make_unique<Provider>(core); }

}  // namespace kvp2p
