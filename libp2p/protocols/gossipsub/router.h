// GossipSub's decisions: from what peers send and what time it is, to what is sent (libp2p/specs pubsub/gossipsub).
// No I/O, no coroutines, no clock.
#pragma once

#include "libp2p/protocols/gossipsub/gossip.h"
#include "libp2p/protocols/gossipsub/mesh.h"
#include "libp2p/protocols/gossipsub/router_state.h"
#include "libp2p/protocols/gossipsub/seen_cache.h"

#include <map>
#include <string>
#include <vector>

namespace libp2p::gossipsub {

/// Counts since the beginning.
struct RouterStats {
  std::uint64_t messages_received = 0;  ///< of our topics, duplicates too
  std::uint64_t duplicates = 0;
  std::uint64_t invalid = 0;    ///< malformed, wrongly signed, or refused by the validator
  std::uint64_t ignored = 0;    ///< by the validator
  std::uint64_t throttled = 0;  ///< dropped because of Limits
  std::uint64_t delivered = 0;
  std::uint64_t published = 0;
};

/// Pure state; drain() after each call yields what is to be sent. Not thread-safe.
class Router {
 public:
  /// REQUIRES: validate(config).
  Router(const multiformats::PeerId& self, const Config& config);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  /// A peer that speaks gossipsub is there, or its traits have changed. A new one is told our subscriptions.
  void add_peer(const multiformats::PeerId& peer, PeerTraits traits);
  void remove_peer(const multiformats::PeerId& peer, base::TimePoint now);
  /// Our stream to it speaks v1.2, or not.
  void set_takes_idontwant(const multiformats::PeerId& peer, bool takes_idontwant);
  /// Our stream to the peer has been lost, and what it carried: on the next one it is told our subscriptions.
  void outbound_lost(const multiformats::PeerId& peer);
  /// The peer begins anew to tell its subscriptions.
  void inbound_restarted(const multiformats::PeerId& peer);

  void join(const std::string& topic, base::TimePoint now);
  void leave(const std::string& topic, base::TimePoint now);
  bool has_joined(const std::string& topic) const { return mesh_.has_joined(topic); }

  /// Whether the peer is in the mesh of any topic.
  bool is_in_mesh(const multiformats::PeerId& peer) const;
  /// Whether nothing that the peer sends is to be looked at.
  bool is_graylisted(const multiformats::PeerId& peer) const;
  /// What the peer sent was no RPC.
  void malformed(const multiformats::PeerId& peer) { state_.score.misbehaved(peer); }
  /// What the peer has promised may be late for reasons of our own.
  void excuse_promises(const multiformats::PeerId& peer) { gossip_.promises().forget(peer); }
  /// Everything in an RPC but its messages.
  void receive_control(const multiformats::PeerId& peer, Rpc rpc, base::TimePoint now);
  /// A message that is to be validated; null if it is not new, not ours to have, or not properly signed. `has_room`:
  /// whether it can be validated now; else it is as if it had not come.
  MessagePtr receive_message(const multiformats::PeerId& peer, const RawMessage& raw, bool has_room,
                             base::TimePoint now);
  /// What came of validating what `peer` was the first to bring. Accepted messages are passed on.
  void validated(const multiformats::PeerId& peer, const MessagePtr& message, Validation validation,
                 base::TimePoint now);
  void publish(const MessagePtr& message, base::TimePoint now);

  void heartbeat(base::TimePoint now);

  std::vector<Send> drain() { return state_.out.drain(); }
  /// Peers suggested by others, since the last call, to be dialled if one likes.
  std::vector<PrunePeer> take_suggested() { return std::exchange(suggested_, {}); }

  const std::set<multiformats::PeerId>& mesh_peers(const std::string& topic) const { return mesh_.members(topic); }
  const std::set<multiformats::PeerId>& topic_peers(const std::string& topic) const {
    return state_.peers.of_topic(topic);
  }
  double score(const multiformats::PeerId& peer) const { return state_.score.score(peer); }
  std::size_t peer_count() const { return state_.peers.size(); }
  const RouterStats& stats() const { return stats_; }
  const MessageCache& cache() const { return gossip_.cache(); }
  const SeenCache& seen() const { return seen_; }

 private:
  void receive_subscriptions(const multiformats::PeerId& peer, const std::vector<SubOpts>& subscriptions);
  /// Whether there is time to check a signature for the peer.
  bool may_verify(const multiformats::PeerId& peer, const std::string& topic, base::TimePoint now);
  MessagePtr invalid(const multiformats::PeerId& peer, const std::string& topic);
  void duplicate(const multiformats::PeerId& peer, const std::string& topic, SeenCache::Entry& entry,
                 base::TimePoint now);
  void forward(const multiformats::PeerId& from, const Message& message);
  std::vector<SubOpts> own_subscriptions() const;

  multiformats::PeerId self_;
  MessageIdFunction message_id_;
  SignatureCheck verify_;
  RouterState state_;
  Mesh mesh_;
  Gossip gossip_;
  SeenCache seen_;
  RateBudget outsider_verifications_;
  RouterStats stats_;
  std::vector<PrunePeer> suggested_;
};

}  // namespace libp2p::gossipsub
