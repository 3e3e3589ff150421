#include "libp2p/protocols/gossipsub/message_cache.h"

namespace libp2p::gossipsub {

namespace {

/// What a message takes besides its frame: map node, id, topic.
constexpr std::size_t kOverheadBytes = 400;

std::size_t size_of(const Message& message) { return message.frame->size() + kOverheadBytes; }

}  // namespace

MessageCache::MessageCache(std::size_t windows, std::size_t gossip_windows, std::size_t bytes_max)
    : windows_max_(windows), gossip_windows_(gossip_windows), bytes_max_(bytes_max), windows_(1) {}

void MessageCache::put(MessagePtr message) {
  const std::size_t size = size_of(*message);
  if (size > bytes_max_ || messages_.contains(message->id)) return;
  while (bytes_ + size > bytes_max_) drop_oldest();
  bytes_ += size;
  windows_.front().push_back({message->topic, message->id});
  const MessageId id = message->id;
  messages_.emplace(id, Cached{.message = std::move(message)});
}

MessagePtr MessageCache::get(const MessageId& id) const {
  const auto found = messages_.find(id);
  return found == messages_.end() ? nullptr : found->second.message;
}

MessagePtr MessageCache::get_for_peer(const MessageId& id, const multiformats::PeerId& peer, std::size_t times_max) {
  const auto found = messages_.find(id);
  if (found == messages_.end()) return nullptr;
  std::uint8_t& given = found->second.given[peer];
  if (given >= times_max) return nullptr;
  ++given;
  return found->second.message;
}

std::vector<MessageId> MessageCache::gossip_ids(const std::string& topic) const {
  std::vector<MessageId> ids;
  for (std::size_t i = 0; i < windows_.size() && i < gossip_windows_; ++i) {
    for (auto told = windows_[i].rbegin(); told != windows_[i].rend(); ++told) {
      if (told->topic == topic) ids.push_back(told->id);
    }
  }
  return ids;
}

void MessageCache::drop_oldest() {
  while (windows_.back().empty()) windows_.pop_back();
  const auto found = messages_.find(windows_.back().front().id);
  bytes_ -= size_of(*found->second.message);
  messages_.erase(found);
  windows_.back().pop_front();
  if (windows_.back().empty() && windows_.size() > 1) windows_.pop_back();
}

void MessageCache::shift() {
  while (windows_.size() >= windows_max_) {
    for (const Told& told : windows_.back()) {
      const auto found = messages_.find(told.id);
      bytes_ -= size_of(*found->second.message);
      messages_.erase(found);
    }
    windows_.pop_back();
  }
  windows_.emplace_front();
}

}  // namespace libp2p::gossipsub
