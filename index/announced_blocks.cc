#include "index/announced_blocks.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <unordered_map>

namespace kvp2p {

void AnnouncedBlocks::stored(KeyPrefix prefix) {
  blocks_.insert(prefix);
  changes_.push_back({prefix, true});
}

void AnnouncedBlocks::evicted(KeyPrefix prefix) {
  if (blocks_.erase(prefix)) changes_.push_back({prefix, false});
}

void AnnouncedBlocks::cleared() {
  while (blocks_.size() > 0) blocks_.drop_oldest();
  changes_.clear();
  cleared_ = true;
}

std::vector<wire::BlocksChanged> AnnouncedBlocks::take_changes() {
  std::unordered_map<KeyPrefix, std::size_t> last;
  for (std::size_t i = 0; i < changes_.size(); ++i) last[changes_[i].prefix] = i;
  std::vector<wire::BlocksChanged> messages;
  const auto begin = [&] {
    auto& message = messages.emplace_back();
    message.incarnation = incarnation_;
    message.sequence = ++sequence_;
  };
  if (has_changes()) begin();
  if (std::exchange(cleared_, false)) messages.back().cleared = true;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    if (last[change.prefix] != i) continue;
    if (messages.back().stored.size() + messages.back().evicted.size() == wire::kPrefixesMax) begin();
    (change.stored ? messages.back().stored : messages.back().evicted).push_back(change.prefix);
  }
  changes_.clear();
  return messages;
}

wire::BlocksDigest AnnouncedBlocks::digest(std::uint32_t next_ms) const {
  assert(!has_changes());
  return {incarnation_, sequence_, blocks_.size(), blocks_.sum(), next_ms};
}

// Answers may be newer than their sequence number says: the next message then says again what is in them already.
wire::Sums AnnouncedBlocks::answer(const wire::SumsWanted& question) const {
  return {incarnation_, sequence_, question.bits, blocks_.sums(question.bits)};
}

wire::Parts AnnouncedBlocks::answer(const wire::PartsWanted& question) const {
  constexpr std::uint32_t kNotWanted = UINT32_MAX;
  std::vector<std::uint32_t> place_of(std::size_t{1} << question.bits, kNotWanted);
  for (std::uint32_t i = 0; i < question.parts.size(); ++i) place_of[question.parts[i]] = i;
  std::vector<std::uint32_t> counts(question.parts.size());
  const auto each_wanted = [&](auto&& call) {
    blocks_.for_each([&](KeyPrefix prefix) {
      if (const auto place = place_of[wire::part_of(prefix, question.bits)]; place < counts.size()) call(place, prefix);
    });
  };
  each_wanted([&](std::uint32_t place, KeyPrefix) { ++counts[place]; });

  wire::Parts parts{incarnation_, sequence_, question.bits, {}, {}, {}};
  std::vector<std::size_t> ends;
  std::size_t keys = 0;
  for (std::size_t i = 0; i < counts.size() && keys + counts[i] <= wire::kPartKeysMax; ++i) {
    parts.parts.push_back(question.parts[i]);
    parts.counts.push_back(counts[i]);
    ends.push_back(keys);
    keys += counts[i];
  }
  counts.resize(ends.size());
  parts.keys.resize(keys);
  each_wanted([&](std::uint32_t place, KeyPrefix prefix) { parts.keys[ends[place]++] = prefix; });
  return parts;
}

}  // namespace kvp2p
