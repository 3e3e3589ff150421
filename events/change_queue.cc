#include "events/change_queue.h"

#include "kv/object_format.h"

#include <utility>

namespace kvp2p {

void ChangeQueue::cleared() {
  changes_.clear();
  cleared_ = true;
}

void ChangeQueue::add(const Change& change) {
  if (changes_.size() == changes_max_) cleared();
  changes_.push_back(change);
}

std::vector<KvEvent> ChangeQueue::take() {
  std::vector<KvEvent> events;
  if (std::exchange(cleared_, false)) events.emplace_back(AllBlocksCleared{});
  for (const Change& change : changes_) {
    if (change.stored) {
      // No parent and no tokens: a block's key stands for all of its prefix, and what was hashed is not kept.
      if (events.empty() || !std::holds_alternative<BlockStored>(events.back())) {
        events.emplace_back(BlockStored{}).emplace<BlockStored>().block_size = kBlockTokens;
      }
      std::get<BlockStored>(events.back()).block_hashes.push_back(change.key);
    } else {
      if (events.empty() || !std::holds_alternative<BlockRemoved>(events.back())) events.emplace_back(BlockRemoved{});
      std::get<BlockRemoved>(events.back()).block_hashes.push_back(change.key);
    }
  }
  changes_.clear();
  return events;
}

}  // namespace kvp2p
