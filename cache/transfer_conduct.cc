// How a transfer's sources behave: who brings wrong bytes or does not bring what it leased, and who has proved good.
#include "cache/transfer_operation.h"
#include "exchange/exchange.h"
#include "index/beliefs.h"
#include "index/block_index.h"

#include <algorithm>

namespace kvp2p {

void TransferOperation::blame(std::size_t number, std::optional<Offence> offence) {
  if (context_.link->exchange == nullptr || !offending_sources_.insert(number).second) return;
  const multiformats::PeerId& peer = answer_of(number)->lease->peer();
  context_.index->tested(peer, 1, 0);
  if (offence) context_.link->exchange->note(peer, *offence);
}

void TransferOperation::blame_for_refusal(std::size_t number, std::size_t block) {
  if (context_.link->exchange == nullptr) return;
  const PeerAnswer& answer = *answer_of(number);
  const auto peer = context_.link->exchange->peer(answer.lease->peer());
  const bool has_restarted = !peer || peer->epoch != answer.epoch;
  const bool may_have_expired = context_.clock->now() >= answer.leased_until;
  // An engine may take back the memory that it offers.
  const bool may_have_been_revoked =
      answer.blocks[plan_.first_block + block - answer.holding.first].tier == Tier::kDevice;
  if (has_restarted || may_have_expired) return;
  blame(number, may_have_been_revoked ? std::nullopt : std::optional(Offence::kRefusedGet));
}

/// Leaves are each source's own word, the root is what all of them make up: of several nobody can tell whose are wrong,
/// and a forger could have the honest banned.
void TransferOperation::blame_for_wrong_block(std::size_t block) {
  const Sources& sources = brought_by_[block];
  for (std::size_t number = 0; number < sources.size(); ++number) {
    if (!sources[number]) continue;
    if (sources.count() == 1) blame(number, Offence::kWrongBytes);
    context_.loners.add(answer_of(number)->lease->peer());
  }
}

bool TransferOperation::is_loner(std::size_t number) const {
  return context_.loners.contains(answer_of(number)->lease->peer());
}

bool TransferOperation::has_proved_good(const PeerAnswer& answer) const {
  return context_.index->belief_in(answer.lease->peer()) > Beliefs::kOfStrangers;
}

bool TransferOperation::anybody_has_proved_good() const {
  return std::ranges::any_of(plan_.match->answers, [this](const auto& answer) { return has_proved_good(*answer); });
}

void TransferOperation::praise_sources() {
  if (context_.link->exchange == nullptr) return;
  for (std::size_t number = 0; number < proven_sources_.size(); ++number) {
    if (!proven_sources_[number] || offending_sources_.contains(number)) continue;
    const multiformats::PeerId& peer = answer_of(number)->lease->peer();
    context_.index->tested(peer, 1, 1);
    context_.loners.remove(peer);
    context_.link->exchange->note_good(peer);
  }
}

}  // namespace kvp2p
