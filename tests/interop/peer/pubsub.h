// The peer's gossipsub.
#pragma once

#include "libp2p/protocols/gossipsub/gossipsub.h"
#include "tests/interop/peer/reply.h"

#include <map>
#include <memory>
#include <string>

namespace interop {

/// Prints the messages of the topics that are subscribed to. Not thread-safe; destroyed after close() has completed.
class Pubsub {
 public:
  Pubsub(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, const multiformats::PrivateKey& key);

  base::Result<> subscribe(const std::string& topic);
  void unsubscribe(const std::string& topic) { subscriptions_.erase(topic); }
  libp2p::gossipsub::Gossipsub& gossipsub() { return *gossipsub_; }
  base::Task<> close();

 private:
  std::unique_ptr<libp2p::gossipsub::Gossipsub> gossipsub_;
  std::map<std::string, libp2p::gossipsub::Subscription> subscriptions_;
};

}  // namespace interop
