#include "engine/prefix_cache.h"

#include "base/log.h"

#include <chrono>

namespace kvp2p::engine {

using std::chrono::steady_clock;

namespace {

std::size_t whole_blocks(std::size_t tokens) { return tokens / kBlockTokens * kBlockTokens; }

}  // namespace

PrefixCache::PrefixCache(std::unique_ptr<KVRequest> request, base::Duration budget)
    : request_(std::move(request)), budget_(budget) {}

LookupResult PrefixCache::look_up(std::uint32_t layer) {
  const base::TimePoint before = steady_clock::now();
  const base::TimePoint deadline = before + std::max(budget_ - waited_, base::Duration::zero());
  LookupResult result = request_->lookup_kv(layer, deadline);
  waited_ += steady_clock::now() - before;
  if (!result.reason.empty()) reason_ = result.reason;
  return result;
}

std::size_t PrefixCache::begin_pass() {
  promised_ = 0;
  while (request_ && limit_ > 0) {
    const LookupResult result = look_up(0);
    if (result.outcome == LookupOutcome::kMiss) {
      if (!result.reason.empty()) LOG_WARN("no cached KV for this prompt: {}", result.reason);
      break;
    }
    if (result.outcome == LookupOutcome::kHit) {
      promised_ = std::min(result.tokens, limit_);
      break;
    }
    // Nothing has been computed yet: ask again for what is left.
    limit_ = whole_blocks(std::min(result.tokens, limit_ - 1));
  }
  return promised_;
}

PrefixCache::Answer PrefixCache::wait_layer(std::uint32_t layer) {
  if (promised_ == 0 || layer == 0) return {.restart = false, .tokens = promised_};
  const LookupResult result = look_up(layer);
  if (result.outcome == LookupOutcome::kHit && result.tokens >= promised_)
    return {.restart = false, .tokens = promised_};
  const std::size_t left = result.outcome == LookupOutcome::kMiss ? 0 : result.tokens;
  ++restarts_;
  limit_ = whole_blocks(std::min(left, promised_ - 1));
  LOG_WARN("cached KV failed at layer {}: {}; starting again with {} of {} fetched tokens", layer,
           result.reason.empty() ? "no reason given" : result.reason, limit_, promised_);
  return {.restart = true, .tokens = limit_};
}

void PrefixCache::store(std::uint32_t layers, std::size_t tokens) {
  if (!request_) return;
  for (std::uint32_t layer = 0; layer < layers; ++layer) request_->store_kv(layer, tokens);
}

bool PrefixCache::finish() {
  if (!request_) return true;
  const auto stored = request_->wait_stored(steady_clock::now() + budget_);
  if (!stored) LOG_ERROR("the engine's KV is still being read: {}", stored.error().message());
  request_.reset();
  return stored.has_value();
}

base::Result<> PrefixCache::wait_published(base::TimePoint deadline) {
  if (!request_) return {};
  return request_->wait_published(deadline);
}

}  // namespace kvp2p::engine
