#include "index/followed_holders.h"

#include "index/held_blocks.h"

#include <algorithm>
#include <bit>

namespace kvp2p {

namespace {

/// Messages that came while a question was under way and are applied again after its answer. Beyond that some of what
/// they said is lost, until the next digest.
constexpr std::size_t kKeptMax = 16;
/// Keys of a part, roughly: a part that differs costs so many keys.
constexpr std::uint64_t kKeysOfPart = 64;
/// Late messages are taken if they are no later than this many.
constexpr std::uint64_t kWindow = 64;

unsigned bits_for(std::uint64_t keys) {
  return std::min<unsigned>(wire::kPartBitsMax, static_cast<unsigned>(std::bit_width(keys / kKeysOfPart)));
}

}  // namespace

struct FollowedHolders::Repair {
  unsigned bits = 0;
  bool has_sums = false;
  std::vector<std::uint32_t> differing;
  std::size_t done = 0;   // of differing
  std::size_t asked = 0;  // of differing, by the question under way
  unsigned questions = 0;
  std::vector<wire::BlocksChanged> kept;
};

struct FollowedHolders::Holder {
  wire::Incarnation incarnation;
  std::uint64_t last = 0;  // highest sequence number seen
  std::uint64_t seen = 0;  // bit i: last - 1 - i as well
  std::uint64_t keys = 0;  // by its last digest
  base::TimePoint heard{};
  base::Duration silence_max = kSilenceMax;
  bool unsettled = false;
  unsigned unconfirmed = 0;
  std::unique_ptr<Repair> repair;

  /// False if it has come already, or is too late to say.
  bool note(std::uint64_t sequence) {
    if (sequence > last) {
      const std::uint64_t ahead = sequence - last;
      seen = ahead >= kWindow ? 0 : seen << ahead;
      if (last > 0 && ahead <= kWindow) seen |= std::uint64_t{1} << (ahead - 1);
      last = sequence;
      return true;
    }
    const std::uint64_t behind = last - sequence;
    if (behind == 0 || behind > kWindow) return false;
    const std::uint64_t bit = std::uint64_t{1} << (behind - 1);
    return (std::exchange(seen, seen | bit) & bit) == 0;
  }
};

std::size_t FollowedHolders::SourceHash::operator()(const Source& source) const {
  return std::hash<multiformats::PeerId>()(source.peer) ^ std::hash<Fingerprint>()(source.topic);
}

FollowedHolders::FollowedHolders(BlockIndex& index, std::size_t holders_max)
    : index_(index), holders_max_(holders_max) {}
FollowedHolders::~FollowedHolders() = default;

FollowedHolders::Holder* FollowedHolders::holder_of(const Source& source, const wire::Incarnation& incarnation,
                                                    base::TimePoint now) {
  auto at = holders_.find(source);
  if (at == holders_.end()) {
    if (holders_.size() >= holders_max_) return nullptr;
    at = holders_.try_emplace(source).first;
    at->second.incarnation = incarnation;
  }
  Holder& holder = at->second;
  if (incarnation < holder.incarnation) return nullptr;
  if (incarnation > holder.incarnation) {
    index_.forget(source);
    holder = {};
    holder.incarnation = incarnation;
  }
  holder.heard = now;
  return &holder;
}

GossipVerdict FollowedHolders::on_changed(const Source& source, const wire::BlocksChanged& changed,
                                          base::TimePoint now) {
  Holder* const holder = holder_of(source, changed.incarnation, now);
  if (holder == nullptr) return GossipVerdict::kIgnore;
  const bool in_order = changed.sequence > holder->last;
  if (!holder->note(changed.sequence)) return GossipVerdict::kIgnore;
  // A late one cannot tell what has been stored since: the digest will show what should have gone.
  if (changed.cleared && in_order) index_.forget(source);
  apply(source, changed);
  index_.heard(source, now);
  if (holder->repair) {
    auto& kept = holder->repair->kept;
    if (kept.size() == kKeptMax) kept.erase(kept.begin());
    kept.push_back(changed);
  }
  return GossipVerdict::kAccept;
}

void FollowedHolders::apply(const Source& source, const wire::BlocksChanged& changed) {
  const std::uint64_t epoch = changed.incarnation.epoch;
  if (!changed.evicted.empty()) index_.evicted(source, epoch, changed.evicted);
  if (!changed.stored.empty()) index_.stored(source, epoch, changed.stored);
}

GossipVerdict FollowedHolders::on_digest(const Source& source, const wire::BlocksDigest& digest, base::TimePoint now) {
  Holder* const holder = holder_of(source, digest.incarnation, now);
  if (holder == nullptr) return GossipVerdict::kIgnore;
  index_.heard(source, now);
  const base::Duration next = std::chrono::milliseconds(std::max<std::uint32_t>(digest.next_ms, 1000));
  holder->silence_max = std::min(kDigestsMissedMax * next, 2 * next + kLateMax);
  holder->keys = digest.keys;
  // Older than what is known, or of a holder of which the index does not keep all: says nothing about mistakes.
  if (digest.sequence < holder->last || index_.is_truncated(source)) return GossipVerdict::kAccept;
  const HeldBlocks* const blocks = index_.blocks_of(source);
  const bool equal = (blocks ? blocks->size() : 0) == digest.keys && (blocks ? blocks->sum() : 0) == digest.sum;
  holder->unsettled = !equal;
  holder->unconfirmed = equal ? 0 : holder->unconfirmed + 1;
  if (holder->unconfirmed > kUnconfirmedMax) {
    index_.forget(source);
    holder->unconfirmed = 1;
  }
  return GossipVerdict::kAccept;
}

bool FollowedHolders::needs_repair(const Source& source) const {
  const auto at = holders_.find(source);
  return at != holders_.end() && at->second.unsettled && !at->second.repair;
}

std::optional<wire::Announcement> FollowedHolders::next_question(const Source& source) {
  const auto at = holders_.find(source);
  if (at == holders_.end() || !at->second.unsettled) return std::nullopt;
  Holder& holder = at->second;
  if (!holder.repair) {
    holder.repair = std::make_unique<Repair>();
    const HeldBlocks* const blocks = index_.blocks_of(source);
    holder.repair->bits = bits_for(std::max<std::uint64_t>(holder.keys, blocks ? blocks->size() : 0));
  }
  Repair& repair = *holder.repair;
  const std::size_t left = repair.differing.size() - repair.done;
  if ((repair.has_sums && left == 0) || repair.questions == kQuestionsMax) {
    holder.repair.reset();
    holder.unsettled = false;
    holder.unconfirmed = 0;
    return std::nullopt;
  }
  ++repair.questions;
  if (!repair.has_sums) return wire::SumsWanted{repair.bits};
  // So many that the answer has room for all of them, if keys are spread evenly.
  const std::uint64_t keys_of_part = (holder.keys >> repair.bits) + 1;
  repair.asked =
      std::min<std::size_t>({left, wire::kPartsMax, std::max<std::size_t>(1, wire::kPartKeysMax / (2 * keys_of_part))});
  const auto first = repair.differing.begin() + static_cast<std::ptrdiff_t>(repair.done);
  return wire::PartsWanted{repair.bits, {first, first + static_cast<std::ptrdiff_t>(repair.asked)}};
}

bool FollowedHolders::on_answer(const Source& source, const wire::Announcement& answer) {
  const auto at = holders_.find(source);
  if (at == holders_.end() || !at->second.repair) return false;
  bool good = false;
  if (const auto* sums = std::get_if<wire::Sums>(&answer)) good = on(source, at->second, *sums);
  if (const auto* parts = std::get_if<wire::Parts>(&answer)) good = on(source, at->second, *parts);
  if (!good) end_repair(source);
  return good;
}

bool FollowedHolders::on(const Source& source, Holder& holder, const wire::Sums& sums) {
  Repair& repair = *holder.repair;
  if (repair.has_sums || sums.bits != repair.bits || sums.incarnation != holder.incarnation) return false;
  const auto own = own_sums(source, repair.bits);
  for (std::uint32_t part = 0; part < own.size(); ++part) {
    if (own[part] != sums.sums[part]) repair.differing.push_back(part);
  }
  repair.has_sums = true;
  return true;
}

bool FollowedHolders::on(const Source& source, Holder& holder, const wire::Parts& parts) {
  Repair& repair = *holder.repair;
  if (parts.bits != repair.bits || parts.incarnation != holder.incarnation) return false;
  // The first ones of those asked for, and at least one: else this would never end.
  const auto asked = repair.differing.begin() + static_cast<std::ptrdiff_t>(repair.done);
  if (parts.parts.empty() || parts.parts.size() > repair.asked ||
      !std::equal(parts.parts.begin(), parts.parts.end(), asked)) {
    return false;
  }
  replace(source, holder.incarnation.epoch, parts);
  repair.done += parts.parts.size();
  std::erase_if(repair.kept, [&](const auto& changed) { return changed.sequence <= parts.sequence; });
  std::ranges::sort(repair.kept, {}, &wire::BlocksChanged::sequence);
  for (const auto& changed : repair.kept) apply(source, changed);
  return true;
}

void FollowedHolders::end_repair(const Source& source) {
  if (const auto at = holders_.find(source); at != holders_.end()) {
    at->second.repair.reset();
    at->second.unsettled = false;  // until the next digest
  }
}

std::vector<std::uint64_t> FollowedHolders::own_sums(const Source& source, unsigned bits) const {
  const HeldBlocks* const blocks = index_.blocks_of(source);
  return blocks ? blocks->sums(bits) : std::vector<std::uint64_t>(std::size_t{1} << bits);
}

void FollowedHolders::replace(const Source& source, std::uint64_t epoch, const wire::Parts& parts) {
  std::vector<bool> replaced(std::size_t{1} << parts.bits);
  for (std::uint32_t part : parts.parts) replaced[part] = true;
  std::vector<KeyPrefix> theirs = parts.keys, own, gone, missed;
  if (const HeldBlocks* const blocks = index_.blocks_of(source)) {
    blocks->for_each([&](KeyPrefix prefix) {
      if (replaced[wire::part_of(prefix, parts.bits)]) own.push_back(prefix);
    });
  }
  std::ranges::sort(own);
  std::ranges::sort(theirs);
  std::ranges::set_difference(own, theirs, std::back_inserter(gone));
  std::ranges::set_difference(theirs, own, std::back_inserter(missed));
  if (!gone.empty()) index_.evicted(source, epoch, gone);
  if (!missed.empty()) index_.stored(source, epoch, missed);
}

std::size_t FollowedHolders::holders_of(const Fingerprint& topic) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(holders_, [&topic](const auto& each) { return each.first.topic == topic; }));
}

void FollowedHolders::expire(base::TimePoint now) {
  std::erase_if(holders_, [&](const auto& entry) {
    const auto& [source, holder] = entry;
    if (now - holder.heard <= holder.silence_max) return false;
    index_.forget(source);
    return true;
  });
}

}  // namespace kvp2p
