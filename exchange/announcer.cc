#include "exchange/announcer.h"

#include "exchange/limits.h"
#include "wire/limits.h"

#include <algorithm>
#include <map>

namespace kvp2p {

void Announcer::stored(const Fingerprint& fingerprint, const ObjectFormat& format, const BlockKey& key) {
  add(key, {order_++, fingerprint, format});
}

void Announcer::evicted(const Fingerprint& fingerprint, const BlockKey& key) {
  add(key, {order_++, fingerprint, std::nullopt});
}

void Announcer::stop() {
  stopped_ = true;
  changes_.clear();
  timer_.reset();
}

void Announcer::add(const BlockKey& key, Change change) {
  if (stopped_) return;
  changes_[key] = change;
  if (changes_.size() >= wire::kKeysMax) return flush();
  if (timer_) return;
  timer_ = context_->clock.call_at(context_->clock.now() + kAnnounceDelay, [this] { flush(); });
}

void Announcer::flush() {
  timer_.reset();
  std::vector<std::pair<BlockKey, Change>> changes(changes_.begin(), changes_.end());
  changes_.clear();
  std::sort(changes.begin(), changes.end(),
            [](const auto& a, const auto& b) { return a.second.order < b.second.order; });
  // One message a fingerprint and format; evictions name no format. A key is in one list only, so order does not
  // matter.
  std::map<std::pair<Fingerprint, std::optional<ObjectFormat>>, wire::Announce> messages;
  for (const auto& [key, change] : changes) {
    auto& message = messages[{change.fingerprint, change.stored_as}];
    message.fingerprint = change.fingerprint;
    message.format = change.stored_as;
    (change.stored_as ? message.stored : message.evicted).push_back(key);
  }
  std::vector<wire::Announce> all;
  for (auto& [group, message] : messages) all.push_back(std::move(message));
  if (!all.empty()) send_(all);
}

std::vector<wire::Announce> snapshot_announcements(std::vector<LocalBlocks::Held> held) {
  std::vector<wire::Announce> messages;
  std::size_t keys_left = kSnapshotKeysMax;
  for (auto& group : held) {  // newest first
    group.keys.resize(std::min(group.keys.size(), keys_left));
    keys_left -= group.keys.size();
    for (std::size_t done = 0; done < group.keys.size();) {
      const std::size_t count = std::min(group.keys.size() - done, wire::kKeysMax);
      const auto first = group.keys.begin() + static_cast<std::ptrdiff_t>(done);
      auto& message = messages.emplace_back();
      message.fingerprint = group.fingerprint;
      message.format = group.format;
      message.stored.assign(first, first + static_cast<std::ptrdiff_t>(count));
      std::reverse(message.stored.begin(), message.stored.end());
      done += count;
    }
  }
  std::reverse(messages.begin(), messages.end());
  if (messages.empty()) messages.emplace_back();
  messages.front().cleared = true;
  return messages;
}

}  // namespace kvp2p
