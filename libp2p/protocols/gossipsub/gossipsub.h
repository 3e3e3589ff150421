// Publish and subscribe among many peers, with no server (libp2p/specs pubsub/README.md, pubsub/gossipsub): speaks
// /meshsub/1.2.0 and /meshsub/1.1.0, policy StrictSign.
//
// A message is signed by its author, verified by everybody before it is passed on, validated by the subscriber, and
// then passed on to a few peers (the topic's mesh); what has not gone a peer's way it learns of by gossip. Peers are
// scored by what they do; those that do harm are heard no more (score_params.h). Everything that peers can make a node
// hold or do has a bound (Limits).
//
//     auto pubsub = gossipsub::Gossipsub::create(executor, clock, host, {.key = key, .seed = seed});
//     auto subscription = (*pubsub)->subscribe("blocks", validator, handler);
//     (*pubsub)->publish("blocks", bytes);
//
// Not done: explicit peering agreements (v1.1), floodsub peers, signature policies other than StrictSign.
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/protocols/gossipsub/config.h"
#include "libp2p/protocols/gossipsub/error.h"
#include "libp2p/protocols/gossipsub/router.h"
#include "libp2p/protocols/gossipsub/seen_cache.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace libp2p::gossipsub {

inline constexpr const char* kProtocol11 = "/meshsub/1.1.0";
inline constexpr const char* kProtocol12 = "/meshsub/1.2.0";

/// Decides on a message that `from` has brought, which need not be its author: accepted ones are handed to the handler
/// and passed on; a rejected one lowers the score of those who brought it; an ignored one does neither. May take its
/// time: messages wait for it within Limits, and nothing else does.
using Validator = std::function<base::Task<Validation>(multiformats::PeerId from, MessagePtr message)>;
/// Takes an accepted message, never one of our own. May call anything of Gossipsub but its destructor.
using MessageHandler = std::function<void(const multiformats::PeerId& from, const MessagePtr& message)>;

struct Stats {
  RouterStats router;
  std::size_t peers = 0;
  std::size_t validating = 0;       ///< messages
  std::size_t queued_bytes = 0;     ///< of all peers
  std::size_t seen = 0;             ///< messages whose ids are remembered
  std::size_t cached_bytes = 0;     ///< of messages kept for peers that ask
  std::uint64_t dropped = 0;        ///< RPCs that slow peers did not get
  std::uint64_t streams_reset = 0;  ///< by us: slow peers' and those of peers that sent what is no RPC
};

/// Ends when destroyed. May outlive its Gossipsub.
class Subscription {
 public:
  Subscription() = default;
  explicit Subscription(std::function<void()> end) : end_(std::move(end)) {}
  Subscription(Subscription&& other) noexcept : end_(std::exchange(other.end_, nullptr)) {}
  Subscription& operator=(Subscription&& other) noexcept {
    std::swap(end_, other.end_);
    return *this;
  }
  ~Subscription() {
    if (end_) end_();
  }

 private:
  std::function<void()> end_;
};

/// Not thread-safe: all calls on the host's executor. Destroyed after close() has completed, and before the host.
class Gossipsub {
 public:
  /// Serves the protocol from now on, with all peers that identify tells to speak it. `clock` and `host` outlive it.
  /// Errors: those of validate(config).
  static base::Result<std::unique_ptr<Gossipsub>> create(const base::Executor& executor, base::Clock& clock, Host& host,
                                                         Config config);
  ~Gossipsub();
  Gossipsub(const Gossipsub&) = delete;
  Gossipsub& operator=(const Gossipsub&) = delete;

  /// Without a validator every properly signed message is accepted. kBadTopic, kAlreadySubscribed, kClosed.
  base::Result<Subscription> subscribe(const std::string& topic, Validator validator, MessageHandler handler);
  /// Signs and sends; also to topics that are not subscribed to. Success says nothing about who receives it.
  /// kBadTopic, kMessageTooLong, kClosed.
  base::Result<> publish(const std::string& topic, base::ConstBytes data);

  /// Whom the topic's messages are passed on to; empty without a subscription.
  std::vector<multiformats::PeerId> mesh_peers(const std::string& topic) const;
  /// Connected peers that are subscribed to it.
  std::vector<multiformats::PeerId> topic_peers(const std::string& topic) const;
  /// Also of peers that have gone, for a while; 0 for unknown ones.
  double score(const multiformats::PeerId& peer) const;
  Stats stats() const;

  /// Ends all subscriptions, tells peers, closes the streams, and waits for validators that have not answered.
  /// Idempotent.
  base::Task<> close();

 private:
  class Impl;
  explicit Gossipsub(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with its coroutines
};

}  // namespace libp2p::gossipsub
