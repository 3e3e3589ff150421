#include "provider/kv_request_impl.h"

#include "base/log.h"

namespace kvp2p {

namespace {

base::TimePoint in(base::Duration time) { return std::chrono::steady_clock::now() + time; }

}  // namespace

KVRequestImpl::KVRequestImpl(KvCore& core, RegisteredEngine engine, std::vector<BlockKey> keys, std::size_t matchable,
                             std::vector<Slot> slots, std::function<void(MatchId)> on_match)
    : core_(core),
      engine_(std::move(engine)),
      keys_(std::move(keys)),
      matchable_(matchable),
      slots_(std::move(slots)),
      on_match_(std::move(on_match)),
      stored_tokens_(engine_.format.shard.layers(), 0) {}

KVRequestImpl::~KVRequestImpl() {
  if (has_transfer_) core_.release(transfer_);
  // A put that still reads slots which the engine uses again would publish another prompt's KV.
  if (auto stored = wait_stored(in(kSourceReleaseTimeMax)); !stored) {
    LOG_ERROR("engine memory is still being read: {}", stored.error().message());
  }
  for (const PutId put : puts_) core_.release(put);
}

LookupResult KVRequestImpl::miss() const { return {LookupOutcome::kMiss, 0, reason_}; }

void KVRequestImpl::decide(base::TimePoint deadline) {
  if (std::exchange(decided_, true) || matchable_ == 0) return;
  const base::TimePoint start = std::chrono::steady_clock::now();
  MatchRequest request;
  request.fingerprint = engine_.fingerprint;
  request.keys.assign(keys_.begin(), keys_.begin() + static_cast<std::ptrdiff_t>(matchable_));
  request.shards = {engine_.format};
  request.deadline = deadline;
  const MatchId match = core_.match(std::move(request));
  on_match_(match);
  auto status = core_.wait_match(match, deadline);
  match_time_ = std::chrono::steady_clock::now() - start;
  if (!status) {
    reason_ = status.error().message();
  } else if (status->pending) {
    reason_ = "the look-up was not decided before the deadline";
  } else {
    decision_ = status->decision;
    reason_ = status->worth_fetching < status->blocks ? status->decision : status->reason;
    if (status->worth_fetching > 0) start_transfer(match, status->worth_fetching, deadline);
  }
  core_.release(match);
}

void KVRequestImpl::start_transfer(MatchId match, std::size_t blocks, base::TimePoint deadline) {
  GetRequest request;
  request.match = match;
  request.region = engine_.region;
  request.slots.assign(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(blocks));
  request.deadline = deadline + kTransferTimeMax;
  auto transfer = core_.get(std::move(request));
  if (!transfer) {
    reason_ = transfer.error().message();
    return;
  }
  transfer_ = *transfer;
  has_transfer_ = true;
}

LookupResult KVRequestImpl::answer_at_start(const base::Result<TransferStatus>& status) {
  promised_ = 0;
  stored_tokens_.assign(stored_tokens_.size(), 0);
  if (!status) {
    reason_ = status.error().message();
    return miss();
  }
  if (!status->reason.empty()) reason_ = status->reason;
  promised_ = status->good_blocks;
  if (promised_ == 0) return miss();
  return {LookupOutcome::kHit, promised_ * kBlockTokens, reason_};
}

LookupResult KVRequestImpl::lookup_kv(std::uint32_t layer, base::TimePoint deadline) {
  if (layer == 0) {
    decide(deadline);
    if (!has_transfer_) return miss();
    return answer_at_start(core_.wait_layer(transfer_, 0, deadline));
  }
  if (promised_ == 0) return miss();
  const auto status = core_.wait_layer(transfer_, layer, deadline);
  const std::size_t good = status ? status->good_blocks : 0;
  if (good >= promised_) return {LookupOutcome::kHit, promised_ * kBlockTokens, reason_};
  reason_ = status ? status->reason : status.error().message();
  promised_ = good;
  return {LookupOutcome::kRestart, good * kBlockTokens, reason_};
}

LookupResult KVRequestImpl::lookup_all(base::TimePoint deadline) {
  decide(deadline);
  if (!has_transfer_) return miss();
  return answer_at_start(core_.wait_transfer(transfer_, deadline));
}

void KVRequestImpl::store_kv(std::uint32_t layer, std::size_t tokens) {
  if (layer >= stored_tokens_.size()) return;
  stored_tokens_[layer] = std::max(stored_tokens_[layer], tokens);
  const std::size_t complete = *std::min_element(stored_tokens_.begin(), stored_tokens_.end());
  const std::size_t end = std::min(complete / kBlockTokens, keys_.size());
  // What was fetched is not put: the peer that computed it serves it.
  const std::size_t begin = std::max(blocks_put_, promised_);
  if (end <= begin) return;
  PutRequest request;
  request.fingerprint = engine_.fingerprint;
  request.keys.assign(keys_.begin() + static_cast<std::ptrdiff_t>(begin),
                      keys_.begin() + static_cast<std::ptrdiff_t>(end));
  request.slots.assign(slots_.begin() + static_cast<std::ptrdiff_t>(begin),
                       slots_.begin() + static_cast<std::ptrdiff_t>(end));
  request.region = engine_.region;
  // Announced with the stored copy, which serves whoever cannot read in place, and goes on when the request is over.
  auto offer = core_.offer(request);
  if (offer) {
    offers_.push_back(*offer);
  } else {
    LOG_WARN("blocks {} to {} are not offered in place: {}", begin, end - 1, offer.error().message());
  }
  auto put = core_.put(std::move(request));
  if (put) {
    puts_.push_back(*put);
  } else {
    LOG_WARN("blocks {} to {} were not stored: {}", begin, end - 1, put.error().message());
  }
  blocks_put_ = end;
}

base::Result<> KVRequestImpl::take_back_offers(base::TimePoint deadline) {
  for (const OfferId offer : offers_) core_.revoke(offer);
  while (!offers_.empty()) {
    if (auto free = core_.wait_unleased(offers_.back(), deadline); !free) return free;
    core_.release(offers_.back());
    offers_.pop_back();
  }
  return {};
}

base::Result<> KVRequestImpl::wait_stored(base::TimePoint deadline) {
  if (auto free = take_back_offers(deadline); !free) return free;
  for (const PutId put : puts_) {
    if (auto released = core_.wait_source_released(put, deadline); !released) return released;
  }
  return {};
}

base::Result<> KVRequestImpl::wait_published(base::TimePoint deadline) {
  base::Result<> first;
  for (const PutId put : puts_) {
    auto published = core_.wait_published(put, deadline);
    if (!published && first) first = published;
  }
  return first;
}

TransferReport KVRequestImpl::transfer_report() const {
  TransferReport report;
  if (has_transfer_) {
    if (auto known = core_.transfer_report(transfer_)) report = *known;
  }
  report.match = match_time_;
  report.decision = decision_;
  return report;
}

PutReport KVRequestImpl::put_report() const {
  PutReport sum;
  for (const PutId put : puts_) {
    auto report = core_.put_report(put);
    if (!report) continue;
    sum.bytes += report->bytes;
    sum.blocks_published += report->blocks_published;
    sum.blocks_dropped += report->blocks_dropped;
    sum.gather += report->gather;
    sum.digest += report->digest;
  }
  return sum;
}

}  // namespace kvp2p
