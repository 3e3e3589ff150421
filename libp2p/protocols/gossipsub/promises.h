// Messages that peers have offered by IHAVE, that we have asked for by IWANT, and that have not come (libp2p/specs
// gossipsub-v1.1.md, "Spam Protection Measures").
#pragma once

#include "base/clock.h"
#include "libp2p/protocols/gossipsub/message.h"

#include <map>

namespace libp2p::gossipsub {

/// Pure state: one message of each IWANT, so it is bounded by the IHAVE taken from each peer between two heartbeats.
class Promises {
 public:
  /// The peer has been asked for the message. An older promise of the same counts on.
  void add(const MessageId& id, const multiformats::PeerId& peer, base::TimePoint until);
  /// The message has come, from whomever: all promises of it are kept.
  void kept(const MessageId& id) { by_message_.erase(id); }
  /// The peer has gone, or what it sends is not read in time for reasons of our own.
  void forget(const multiformats::PeerId& peer);
  /// How many promises each peer has broken by `now`; they are forgotten.
  std::map<multiformats::PeerId, std::size_t> broken(base::TimePoint now);
  std::size_t size() const;

 private:
  std::map<MessageId, std::map<multiformats::PeerId, base::TimePoint>> by_message_;
};

}  // namespace libp2p::gossipsub
