// What a session sees its peer do wrong.
#include "exchange/limits.h"
#include "exchange/session.h"
#include "index/block_index.h"
#include "index/held_blocks.h"

#include <algorithm>

namespace kvp2p {

namespace {

/// Of so many peers' together, one's.
std::uint64_t share_of(std::uint64_t all, std::size_t peers, std::uint64_t min, std::uint64_t max) {
  return std::clamp<std::uint64_t>(all / std::max<std::size_t>(1, peers), min, max);
}

std::uint64_t keys_in(const wire::Body& body) {
  if (const auto* lookup = std::get_if<wire::Lookup>(&body)) return lookup->keys.size();
  if (const auto* put = std::get_if<wire::Put>(&body)) return put->keys.size();
  const auto* announce = std::get_if<wire::Announce>(&body);
  return announce == nullptr ? 0 : announce->stored.size() + announce->evicted.size();
}

}  // namespace

bool Session::is_flooded_by(const wire::Body& body) {
  if (std::holds_alternative<wire::Credit>(body)) return false;
  if (flood_tokens_.take(kFloodMessageCost + keys_in(body), context_->clock.now())) return false;
  owner_.on_offence(peer(), Offence::kFlood);
  return true;
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
  if (announced_tokens_.take(keys, context_->clock.now())) return true;
  owner_.on_offence(peer(), Offence::kFlood);
  return false;
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
