#include "provider/embedded_core.h"

namespace kvp2p {

EmbeddedCore::EmbeddedCore(CacheManager& manager, Codec codec, base::Bytes tenant_salt,
                           std::function<void(CoreStats&)> more_counters)
    : manager_(manager),
      codec_(codec),
      tenant_salt_(std::move(tenant_salt)),
      more_counters_(std::move(more_counters)) {}

namespace {

/// What `question` answers of the state that an id stands for; kUnknownId if there is none.
template <class Answer, class State, class Question>
base::Result<Answer> ask(const std::shared_ptr<State>& state, Question question) {
  if (!state) return KvError::kUnknownId;
  return question(*state);
}

}  // namespace

base::Result<RegionId> EmbeddedCore::register_region(const RegionMemory& memory, const LayoutDesc& layout) {
  return manager_.register_region(memory, layout);
}
void EmbeddedCore::unregister_region(RegionId region) { manager_.unregister_region(region); }
Fingerprint EmbeddedCore::register_model(const ModelSpec& spec) { return manager_.register_model(spec); }

// Match

MatchId EmbeddedCore::match(MatchRequest request) { return manager_.match(std::move(request)); }

base::Result<MatchStatus> EmbeddedCore::match_status(MatchId match) {
  return ask<MatchStatus>(manager_.find(match), [](const MatchState& state) { return state.status(); });
}

base::Result<MatchStatus> EmbeddedCore::wait_match(MatchId match, base::TimePoint deadline) {
  return ask<MatchStatus>(manager_.find(match), [&](const MatchState& state) { return state.wait(deadline); });
}

void EmbeddedCore::report_prefill(const Fingerprint& model, std::size_t tokens, std::size_t context,
                                  base::Duration time) {
  manager_.report_prefill(model, tokens, context, time);
}

// Get

base::Result<TransferId> EmbeddedCore::get(GetRequest request) { return manager_.get(std::move(request)); }

base::Result<TransferStatus> EmbeddedCore::transfer_status(TransferId transfer) {
  return ask<TransferStatus>(manager_.find(transfer), [](const TransferState& state) { return state.status(); });
}

base::Result<bool> EmbeddedCore::layer_ready(TransferId transfer, std::uint32_t layer) {
  return ask<bool>(manager_.find(transfer), [&](const TransferState& state) { return state.layer_ready(layer); });
}

base::Result<TransferStatus> EmbeddedCore::wait_layer(TransferId transfer, std::uint32_t layer,
                                                      base::TimePoint deadline) {
  return ask<TransferStatus>(manager_.find(transfer),
                             [&](TransferState& state) { return state.wait_layer(layer, deadline); });
}

base::Result<TransferStatus> EmbeddedCore::stream_wait_layer(TransferId transfer, std::uint32_t layer, void* stream,
                                                             base::TimePoint deadline) {
  const auto state = manager_.find(transfer);
  if (!state) return KvError::kUnknownId;
  // A layer counts once its digest was checked, which the host learns: so the wait is the host's, and the stream then
  // waits for the copy alone.
  const TransferStatus status = state->wait_layer(layer, deadline);
  if (auto waits = manager_.connector().stream_wait(state->region(), stream); !waits) return waits.error();
  return status;
}

base::Result<TransferStatus> EmbeddedCore::wait_transfer(TransferId transfer, base::TimePoint deadline) {
  return ask<TransferStatus>(manager_.find(transfer), [&](TransferState& state) { return state.wait_done(deadline); });
}

base::Result<std::vector<std::size_t>> EmbeddedCore::failed_blocks(TransferId transfer) {
  return ask<std::vector<std::size_t>>(manager_.find(transfer),
                                       [](const TransferState& state) { return state.failed_blocks(); });
}

void EmbeddedCore::cancel(TransferId transfer) {
  if (auto state = manager_.find(transfer)) state->cancel("cancelled");
}

base::Result<TransferReport> EmbeddedCore::transfer_report(TransferId transfer) {
  return ask<TransferReport>(manager_.find(transfer), [](const TransferState& state) { return state.report(); });
}

// Put

base::Result<PutId> EmbeddedCore::put(PutRequest request) { return manager_.put(std::move(request)); }

base::Result<bool> EmbeddedCore::source_released(PutId put) {
  return ask<bool>(manager_.find(put), [](const PutState& state) { return state.source_released(); });
}

base::Result<> EmbeddedCore::wait_source_released(PutId put, base::TimePoint deadline) {
  return ask<void>(manager_.find(put), [&](const PutState& state) { return state.wait_source_released(deadline); });
}

base::Result<bool> EmbeddedCore::published(PutId put) {
  return ask<bool>(manager_.find(put), [](const PutState& state) { return state.published(); });
}

base::Result<> EmbeddedCore::wait_published(PutId put, base::TimePoint deadline) {
  return ask<void>(manager_.find(put), [&](const PutState& state) { return state.wait_published(deadline); });
}

base::Result<PutReport> EmbeddedCore::put_report(PutId put) {
  return ask<PutReport>(manager_.find(put), [](const PutState& state) { return state.report(); });
}

// Offer

base::Result<OfferId> EmbeddedCore::offer(PutRequest request) { return manager_.offer(std::move(request)); }
void EmbeddedCore::revoke(OfferId offer) { manager_.revoke(offer); }

base::Result<> EmbeddedCore::wait_unleased(OfferId offer, base::TimePoint deadline) {
  const auto found = manager_.find(offer);
  if (!found) return KvError::kUnknownId;
  return found->wait_unleased(deadline);
}

// Completion

int EmbeddedCore::event_fd() const { return manager_.completions().event_fd(); }
std::vector<Completion> EmbeddedCore::drain() { return manager_.completions().drain(); }

void EmbeddedCore::release(MatchId match) { manager_.release(match); }
void EmbeddedCore::release(TransferId transfer) { manager_.release(transfer); }
void EmbeddedCore::release(PutId put) { manager_.release(put); }
void EmbeddedCore::release(OfferId offer) { manager_.release(offer); }

CoreStats EmbeddedCore::stats() const {
  CoreStats stats = manager_.stats();
  if (more_counters_) more_counters_(stats);
  return stats;
}

}  // namespace kvp2p
