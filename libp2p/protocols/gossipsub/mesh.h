// Which peers of a topic messages are passed on to: mesh and fanout (libp2p/specs gossipsub-v1.0.md, "Heartbeat";
// gossipsub-v1.1.md, "PRUNE Backoff", "Outbound Mesh Quotas", "Heartbeat Maintenance", "Opportunistic Grafting").
#pragma once

#include "libp2p/protocols/gossipsub/router_state.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace libp2p::gossipsub {

/// Pure state: what it decides to send goes into `state.out`. Not thread-safe. `state` outlives it.
class Mesh {
 public:
  using Peers = std::set<multiformats::PeerId>;

  struct Fanout {
    Peers peers;
    base::TimePoint published;
  };

  explicit Mesh(RouterState& state) : state_(state) {}

  /// Begins a mesh, with the peers of the topic's fanout first.
  void join(const std::string& topic, base::TimePoint now);
  void leave(const std::string& topic, base::TimePoint now);
  bool has_joined(const std::string& topic) const { return meshes_.contains(topic); }

  /// Empty if the topic is not joined.
  const Peers& members(const std::string& topic) const;
  const std::map<std::string, Peers>& meshes() const { return meshes_; }
  /// Peers that have been in a mesh since the last call and were not before. They are told of the latest messages, as
  /// others are that are not in it: where all peers are in the mesh, what was published before they came would not
  /// reach them otherwise.
  std::map<std::string, Peers> take_newcomers() { return std::exchange(newcomers_, {}); }
  /// Whom messages for a topic that is not joined go to; chosen anew if there is nobody.
  const Peers& fanout(const std::string& topic, base::TimePoint now);
  const std::map<std::string, Fanout>& fanouts() const { return fanouts_; }

  /// Takes it out of the topic's mesh, without a word to it.
  void peer_unsubscribed(const multiformats::PeerId& peer, const std::string& topic);
  /// The same for all topics.
  void remove_peer(const multiformats::PeerId& peer);

  void handle_graft(const multiformats::PeerId& peer, const std::string& topic, base::TimePoint now);
  /// Returns the peers suggested in our stead, if they may be used.
  std::vector<PrunePeer> handle_prune(const multiformats::PeerId& peer, Prune prune, base::TimePoint now);

  void heartbeat(base::TimePoint now);

 private:
  using Candidates = std::vector<multiformats::PeerId>;

  bool is_outbound(const multiformats::PeerId& peer) const;
  /// Peers of the topic that may be grafted and that `wanted` agrees to.
  template <class Wanted>
  Candidates candidates(const std::string& topic, const Peers& members, base::TimePoint now, Wanted wanted) const;
  bool is_backing_off(const std::string& topic, const multiformats::PeerId& peer, base::TimePoint now) const;

  void add(const multiformats::PeerId& peer, const std::string& topic, Peers& members, base::TimePoint now);
  void graft(const multiformats::PeerId& peer, const std::string& topic, Peers& members, base::TimePoint now);
  void graft_some(const std::string& topic, Peers& members, Candidates from, std::size_t count, base::TimePoint now);
  void prune(const multiformats::PeerId& peer, const std::string& topic, Peers& members, base::TimePoint now);
  /// Tells it that it is not in the mesh, and why not to come back at once.
  void send_prune(const multiformats::PeerId& peer, const std::string& topic, base::Duration backoff,
                  bool suggests_peers, base::TimePoint now);
  std::vector<PrunePeer> peers_to_suggest(const std::string& topic, const multiformats::PeerId& to);

  void maintain(const std::string& topic, Peers& members, base::TimePoint now);
  void trim(const std::string& topic, Peers& members, base::TimePoint now);
  void fill_outbound_quota(const std::string& topic, Peers& members, base::TimePoint now);
  void graft_opportunistically(const std::string& topic, Peers& members, base::TimePoint now);
  void maintain_fanout(base::TimePoint now);
  void fill_fanout(const std::string& topic, Fanout& fanout);

  RouterState& state_;
  std::map<std::string, Peers> meshes_;
  std::map<std::string, Fanout> fanouts_;
  std::map<std::string, Peers> newcomers_;
  std::optional<base::TimePoint> next_opportunistic_graft_;
};

}  // namespace libp2p::gossipsub
