// What peers tell each other of messages that have not gone their way: IHAVE, IWANT, IDONTWANT (libp2p/specs
// gossipsub-v1.0.md, "Gossip Emission"; gossipsub-v1.1.md, "Adaptive Gossip", "Spam Protection"; gossipsub-v1.2.md).
#pragma once

#include "libp2p/protocols/gossipsub/message_cache.h"
#include "libp2p/protocols/gossipsub/promises.h"
#include "libp2p/protocols/gossipsub/router_state.h"
#include "libp2p/protocols/gossipsub/seen_cache.h"

#include <set>
#include <string>
#include <vector>

namespace libp2p::gossipsub {

/// Pure state: what it decides to send goes into `state.out`. Not thread-safe. `state` outlives it.
class Gossip {
 public:
  explicit Gossip(RouterState& state);

  /// `is_ours(topic)`: whether the topic's messages are wanted.
  template <class IsOurs>
  void handle_ihave(const multiformats::PeerId& peer, const std::vector<Ihave>& ihaves, const SeenCache& seen,
                    IsOurs is_ours, base::TimePoint now) {
    if (!may_gossip(peer)) return;
    std::set<MessageId> wanted;
    for (const Ihave& ihave : ihaves) {
      if (!count_ihave(peer)) break;
      if (!is_ours(ihave.topic)) continue;
      for (const MessageId& id : ihave.ids) {
        if (!seen.contains(id)) wanted.insert(id);
      }
    }
    ask(peer, {wanted.begin(), wanted.end()}, now);
  }
  void handle_iwant(const multiformats::PeerId& peer, const std::vector<MessageId>& ids);
  void handle_idontwant(const multiformats::PeerId& peer, const std::vector<MessageId>& ids);

  /// Tells peers of the topic that are not in `except` of its latest messages.
  void emit(const std::string& topic, const std::set<multiformats::PeerId>& except);
  /// Tells `peers` that they need not send the message.
  void announce_unwanted(const MessageId& id, const std::set<multiformats::PeerId>& peers,
                         const multiformats::PeerId& except);

  /// Broken promises count; counters begin anew. Before emit().
  void begin_heartbeat(base::TimePoint now);
  /// After emit().
  void end_heartbeat() { cache_.shift(); }
  void remove_peer(const multiformats::PeerId& peer) { promises_.forget(peer); }

  MessageCache& cache() { return cache_; }
  const MessageCache& cache() const { return cache_; }
  Promises& promises() { return promises_; }

 private:
  bool may_gossip(const multiformats::PeerId& peer) const;
  /// False if the peer has sent too many since the last heartbeat.
  bool count_ihave(const multiformats::PeerId& peer);
  void ask(const multiformats::PeerId& peer, std::vector<MessageId> ids, base::TimePoint now);

  RouterState& state_;
  MessageCache cache_;
  Promises promises_;
};

}  // namespace libp2p::gossipsub
