// The latest messages, for peers that ask for them (libp2p/specs gossipsub-v1.0.md, "Message Cache").
#pragma once

#include "libp2p/protocols/gossipsub/message.h"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace libp2p::gossipsub {

/// Pure state. Keeps the messages of the last `windows` heartbeats, of which the last `gossip_windows` are told of; and
/// at most so many bytes, the oldest giving way.
class MessageCache {
 public:
  /// REQUIRES: 0 < gossip_windows <= windows.
  MessageCache(std::size_t windows, std::size_t gossip_windows, std::size_t bytes_max);

  /// A message that is there already stays where it is.
  void put(MessagePtr message);
  /// Null if it is not there.
  MessagePtr get(const MessageId& id) const;
  /// The same, for a peer that wants it: null also once that peer has been given it `times_max` times.
  MessagePtr get_for_peer(const MessageId& id, const multiformats::PeerId& peer, std::size_t times_max);
  /// Ids of messages of the topic in the windows that are told of, newest first.
  std::vector<MessageId> gossip_ids(const std::string& topic) const;
  /// Begins a new window; the oldest goes.
  void shift();

  std::size_t size() const { return messages_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Cached {
    MessagePtr message;
    std::map<multiformats::PeerId, std::uint8_t> given = {};
  };
  struct Told {
    std::string topic;
    MessageId id;
  };

  void drop_oldest();

  std::size_t windows_max_;
  std::size_t gossip_windows_;
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::map<MessageId, Cached> messages_;
  /// Newest first; in each, oldest message first.
  std::deque<std::deque<Told>> windows_;
};

}  // namespace libp2p::gossipsub
