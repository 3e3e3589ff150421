// How a transfer's sources behave: who brings wrong bytes or does not bring what it leased, and who has proved good.
#include "cache/source_conduct.h"
#include "cache/stranger_trial.h"
#include "cache/transfer_operation.h"

#include <algorithm>

namespace kvp2p {

void TransferOperation::blame_for_wrong_bytes(std::size_t number) {
  if (offending_sources_.insert(number).second) note_wrong_bytes(context_, *answer_of(number));
}

void TransferOperation::blame_for_refusal(std::size_t number, std::size_t block) {
  if (offending_sources_.contains(number)) return;
  if (note_refusal(context_, *answer_of(number), plan_.first_block + block)) offending_sources_.insert(number);
}

/// Leaves are each source's own word, the root is what all of them make up: of several nobody can tell whose are wrong,
/// and a forger could have the honest banned.
void TransferOperation::blame_for_wrong_block(std::size_t block) {
  const Sources& sources = brought_by_[block];
  for (std::size_t number = 0; number < sources.size(); ++number) {
    if (!sources[number]) continue;
    if (sources.count() == 1) blame_for_wrong_bytes(number);
    suspected_sources_.set(number);
    context_.loners.add(answer_of(number)->lease->peer());
  }
}

bool TransferOperation::is_loner(std::size_t number) const {
  return context_.loners.contains(answer_of(number)->lease->peer());
}

bool TransferOperation::anybody_has_proved_good() const {
  return std::ranges::any_of(plan_.match->answers,
                             [this](const auto& answer) { return has_proved_good(context_, *answer); });
}

void TransferOperation::praise_sources() {
  // Who had a part in a wrong block may have spoiled that one alone: its good ones here prove nothing.
  const Sources proven = proven_sources_ & ~suspected_sources_;
  for (std::size_t number = 0; number < proven.size(); ++number) {
    if (proven[number] && !offending_sources_.contains(number)) note_good_block(context_, *answer_of(number));
  }
}

void TransferOperation::try_strangers() {
  if (!good_block_ || (context_.trial && !context_.trial->is_over())) return;
  const auto& leaves = leaves_[*good_block_];
  const std::size_t heads = plan_.format.shard.heads();
  const auto layer = static_cast<std::uint32_t>(context_.counters.strangers_tried % plan_.format.shard.layers());
  const auto first = leaves.begin() + static_cast<std::ptrdiff_t>(layer * heads);
  StrangerTrial::Slice slice{plan_.format, plan_.first_block + *good_block_, layer, {first, first + heads}};
  std::deque<std::shared_ptr<const PeerAnswer>> strangers;
  for (std::size_t number = 0; number < schedule_.sources(); ++number) {
    const auto& answer = answer_of(number);
    if (used_sources_.contains(number) || has_proved_good(context_, *answer)) continue;
    if (answer->holding.has(slice.block) && answer->root_of_block(slice.block) == root_of(leaves)) {
      strangers.push_back(answer);
    }
  }
  if (strangers.empty()) return;
  context_.trial = std::make_shared<StrangerTrial>(context_, std::move(slice), std::move(strangers));
  context_.trial->go_on();
}

}  // namespace kvp2p
