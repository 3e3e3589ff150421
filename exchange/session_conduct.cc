// What a session sees its peer do wrong.
#include "exchange/limits.h"
#include "exchange/session.h"
#include "index/beliefs.h"
#include "index/block_index.h"
#include "index/held_blocks.h"
#include "libp2p/core/turn.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// Of so many peers' together, one's.
std::uint64_t share_of(std::uint64_t all, std::size_t peers, std::uint64_t min, std::uint64_t max) {
  return std::clamp<std::uint64_t>(all / std::max<std::size_t>(1, peers), min, max);
}

/// A key in a message: its type, its length, and 32 bytes.
constexpr std::size_t kKeyWireBytes = 34;

/// As many as the message can have, whose inside nobody has looked at.
std::uint64_t keys_in(const wire::Envelope& outside) {
  using wire::number_of;
  const bool has_keys = outside.number == number_of<wire::Lookup>() || outside.number == number_of<wire::Put>() ||
                        outside.number == number_of<wire::Announce>();
  return has_keys ? outside.fields.size() / kKeyWireBytes : 0;
}

}  // namespace

bool Session::is_over_budget(const wire::Envelope& outside) {
  if (outside.number == wire::number_of<wire::Credit>()) return false;
  const std::uint64_t keys = keys_in(outside);
  if (!flood_tokens_.take(kFloodMessageCost + keys, context_->clock.now())) {
    owner_.on_offence(peer(), Offence::kFlood);
    return true;
  }
  // To ask for more than one's share is no offence: the peer does not know how many there are.
  if (outside.number == wire::number_of<wire::Lookup>()) return !may_look_up(keys);
  return outside.number == wire::number_of<wire::Announce>() && !may_announce(keys);
}

bool Session::may_look_up(std::size_t keys) {
  const std::uint64_t share =
      share_of(kLookupKeysPerSecondAll, context_->sessions_up, kLookupKeysPerSecondMin, kLookupKeysPerSecond);
  lookup_tokens_.set_rate(share, share);
  return lookup_tokens_.take(keys + kLookupCost, context_->clock.now());
}

bool Session::may_announce(std::size_t keys) {
  const std::uint64_t share =
      share_of(kAnnouncedKeysPerSecondAll, context_->sessions_up, kAnnouncedKeysPerSecondMin, kAnnouncedKeysMax);
  announced_tokens_.set_rate(share, kAnnouncedKeysMax);
  const bool may_wait = news_waiting_ + keys <= kAnnouncedKeysMax;
  if (may_wait && announced_tokens_.take(keys, context_->clock.now())) return true;
  ++context_->stats.announcements_received;
  ++context_->stats.announcements_dropped;
  owner_.on_offence(peer(), Offence::kFlood);
  return false;
}

bool Session::is_stranger() const { return context_->index.belief_in(peer()) <= Beliefs::kOfStrangers; }

base::Task<> Session::wait_for_turn(base::TokenBucket& turns, std::uint64_t count) {
  const auto turn = turns.reserve(count, context_->clock.now(), base::Duration::max());
  if (turn && *turn > base::Duration::zero()) co_await pause(context_, *turn, connection_);
}

void Session::add_news(std::span<const BlockKey> stored, std::span<const BlockKey> evicted) {
  context_->index.evicted(peer(), theirs_.epoch, evicted);
  if (!is_stranger() && news_.empty()) return context_->index.stored(peer(), theirs_.epoch, stored);
  // What is evicted may be among what waits.
  if (!news_.empty()) queue_news(evicted, true);
  queue_news(stored, false);
  if (!std::exchange(takes_news_, true)) spawn_counted(context_, take_news(), shared_from_this());
}

void Session::queue_news(std::span<const BlockKey> keys, bool are_evicted) {
  if (keys.empty()) return;
  News& news = news_.emplace_back();
  news.are_evicted = are_evicted;
  for (const BlockKey& key : keys) news.keys.push_back(prefix_of(key));
  news_waiting_ += keys.size();
}

void Session::drop_news() {
  news_.clear();
  news_waiting_ = 0;
}

base::Task<> Session::take_news() {
  while (!news_.empty()) {
    if (is_stranger()) {
      co_await wait_for_turn(context_->stranger_news, news_.front().slice().size());
      co_await libp2p::give_way();
    }
    if (!news_.empty()) take_slice(news_.front());
  }
  takes_news_ = false;
}

std::span<const KeyPrefix> Session::News::slice() const {
  return std::span(keys).subspan(taken, std::min(kNewsSlice, keys.size() - taken));
}

void Session::take_slice(News& news) {
  const auto slice = news.slice();
  const BlockIndex::Source source{peer()};
  news.are_evicted ? context_->index.evicted(source, theirs_.epoch, slice)
                   : context_->index.stored(source, theirs_.epoch, slice);
  news_waiting_ -= slice.size();
  news.taken += slice.size();
  if (news.taken == news.keys.size()) news_.pop_front();
}

void Session::note_announced(const Fingerprint& fingerprint, const std::optional<ObjectFormat>& format) {
  const auto known = announced_formats_.find(fingerprint);
  if (known != announced_formats_.end()) {
    if (known->second != format) known->second.reset();
  } else if (announced_formats_.size() < kAnnouncedModelsMax) {
    announced_formats_.emplace(fingerprint, format);
  }
}

bool Session::announces(const BlockKey& key) const {
  const HeldBlocks* blocks = context_->index.blocks_of({peer()});
  return blocks != nullptr && blocks->contains(prefix_of(key));
}

void Session::check_promises(const LookupRequest& request, const LookupAnswer& answer) {
  // Who gives a reason may have it, and in another format, or lease no more.
  if (watches_promise_ || !answer.reason.empty()) return;
  const auto format = announced_formats_.find(request.fingerprint);
  if (format == announced_formats_.end() || format->second != request.format) return;
  for (std::size_t i = 0; i < answer.blocks.size(); ++i) {
    if (answer.blocks[i].present || !announces(request.keys[i])) continue;
    return spawn_counted(context_, watch_promise(request.keys[i]), shared_from_this());
  }
}

base::Task<> Session::watch_promise(BlockKey key) {
  watches_promise_ = true;
  co_await pause(context_, kPromiseGrace, connection_);
  watches_promise_ = false;
  if (ended_ || context_->closing || !announces(key)) co_return;
  context_->index.evicted(peer(), theirs_.epoch, std::span(&key, 1));
  owner_.on_offence(peer(), Offence::kBrokenPromise);
}

}  // namespace kvp2p
