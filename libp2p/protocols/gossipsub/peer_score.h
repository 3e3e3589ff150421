// Keeps the score of each peer (libp2p/specs pubsub/gossipsub/gossipsub-v1.1.md, "The Score Function").
#pragma once

#include "libp2p/protocols/gossipsub/score_params.h"

#include <boost/asio/ip/address.hpp>

#include <map>
#include <optional>
#include <string>

namespace libp2p::gossipsub {

/// Pure state: no time but what it is told. Not thread-safe. Events of peers that are not there are passed over.
class PeerScore {
 public:
  explicit PeerScore(ScoreParams params) : params_(std::move(params)) {}

  /// The peer is connected. `address`: where its connection comes from or goes to, if known.
  void add_peer(const multiformats::PeerId& peer, std::optional<boost::asio::ip::address> address);
  /// The peer has gone. What it did wrong is remembered for a while, the rest forgotten.
  void remove_peer(const multiformats::PeerId& peer, base::TimePoint now);

  void graft(const multiformats::PeerId& peer, const std::string& topic, base::TimePoint now);
  void prune(const multiformats::PeerId& peer, const std::string& topic);

  /// It was the first to bring a message that is valid.
  void first_delivery(const multiformats::PeerId& peer, const std::string& topic);
  /// It brought one in time that another had brought first.
  void near_first_delivery(const multiformats::PeerId& peer, const std::string& topic);
  void invalid_message(const multiformats::PeerId& peer, const std::string& topic);
  void misbehaved(const multiformats::PeerId& peer, double times = 1);

  /// Lets counters decay and time in mesh grow, once an interval; forgets what has been remembered long enough. Called
  /// as often as one likes.
  void refresh(base::TimePoint now);

  /// 0 for a peer that nothing is known of.
  double score(const multiformats::PeerId& peer) const;

  const ScoreParams& params() const { return params_; }
  /// Peers that are there, and those remembered.
  std::size_t size() const { return peers_.size(); }
  std::size_t retained() const { return retained_.size(); }

 private:
  struct TopicStats {
    std::optional<base::TimePoint> in_mesh_since;
    base::Duration mesh_time{};
    double first_deliveries = 0;
    double mesh_deliveries = 0;
    bool mesh_deliveries_active = false;
    double mesh_failures = 0;
    double invalid = 0;

    double deficit(const TopicScoreParams& params) const;
    bool is_blank() const;
  };
  struct Peer {
    std::map<std::string, TopicStats> topics;
    double behaviour = 0;
    std::optional<boost::asio::ip::address> network;
    /// Of one that has gone: when it is forgotten.
    std::optional<base::TimePoint> expires;
  };

  TopicStats* stats(const multiformats::PeerId& peer, const std::string& topic);
  void count_mesh_delivery(TopicStats& stats, const TopicScoreParams& params) const;
  double topics_score(const Peer& peer) const;
  double colocation(const Peer& peer) const;
  void leave_network(Peer& peer);
  void decay(Peer& peer, base::TimePoint now) const;
  void forget_expired(base::TimePoint now);

  ScoreParams params_;
  std::map<multiformats::PeerId, Peer> peers_;
  /// Peers gone, by when they are forgotten.
  std::multimap<base::TimePoint, multiformats::PeerId> retained_;
  std::map<boost::asio::ip::address, std::size_t> networks_;
  std::optional<base::TimePoint> next_decay_;
};

}  // namespace libp2p::gossipsub
