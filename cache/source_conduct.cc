#include "cache/source_conduct.h"

#include "exchange/exchange.h"
#include "exchange/exchange_error.h"
#include "index/beliefs.h"
#include "index/block_index.h"

#include <algorithm>
#include <array>

namespace kvp2p {

bool is_refusal(const base::Result<>& outcome) {
  constexpr std::array kRefusals = {ExchangeError::kProtocolBroken, ExchangeError::kLeaseUnknown,
                                    ExchangeError::kBlockGone, ExchangeError::kShardNotHeld,
                                    ExchangeError::kPeerFailed};
  return outcome || std::ranges::any_of(kRefusals, [&](ExchangeError error) { return outcome.error() == error; });
}

bool has_proved_good(const CacheContext& context, const PeerAnswer& answer) {
  return context.index->belief_in(answer.lease->peer()) > Beliefs::kOfStrangers;
}

void note_good_block(CacheContext& context, const PeerAnswer& answer) {
  if (context.link->exchange == nullptr) return;
  context.index->tested(answer.lease->peer(), 1, 1);
  context.loners.remove(answer.lease->peer());
  context.link->exchange->note_good(answer.lease->peer());
}

void note_wrong_bytes(CacheContext& context, const PeerAnswer& answer) {
  if (context.link->exchange == nullptr) return;
  context.index->tested(answer.lease->peer(), 1, 0);
  context.link->exchange->note(answer.lease->peer(), Offence::kWrongBytes);
}

bool note_refusal(CacheContext& context, const PeerAnswer& answer, std::size_t block) {
  if (context.link->exchange == nullptr) return false;
  const auto peer = context.link->exchange->peer(answer.lease->peer());
  const bool has_restarted = !peer || peer->epoch != answer.epoch;
  const bool may_have_expired = context.clock->now() >= answer.leased_until;
  if (has_restarted || may_have_expired) return false;
  context.index->tested(answer.lease->peer(), 1, 0);
  // An engine may take back the memory that it offers.
  const bool may_have_been_revoked = answer.blocks[block - answer.holding.first].tier == Tier::kDevice;
  if (!may_have_been_revoked) context.link->exchange->note(answer.lease->peer(), Offence::kRefusedGet);
  return true;
}

}  // namespace kvp2p
