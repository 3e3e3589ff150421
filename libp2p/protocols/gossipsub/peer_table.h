// The peers that speak gossipsub, and the topics that they are subscribed to.
#pragma once

#include "libp2p/core/rate_budget.h"
#include "libp2p/protocols/gossipsub/config.h"

#include <array>
#include <map>
#include <set>
#include <string>

namespace libp2p::gossipsub {

/// What is known of a peer from its connection.
struct PeerTraits {
  bool is_outbound = false;  ///< we have dialled it
  std::optional<boost::asio::ip::address> address = std::nullopt;
};

/// Messages that a peer does not want (IDONTWANT), for a few heartbeats.
class UnwantedIds {
 public:
  void add(MessageId id) { windows_.front().insert(std::move(id)); }
  bool contains(const MessageId& id) const;
  void shift();

 private:
  /// Newest first.
  std::array<std::set<MessageId>, 3> windows_;
};

struct PeerState {
  explicit PeerState(const Limits& limits) : verifications(limits.verifications_burst, limits.verification_interval) {}

  PeerTraits traits;
  std::set<std::string> topics;
  bool takes_idontwant = false;  ///< speaks v1.2
  RateBudget verifications;
  // Since the last heartbeat.
  std::size_t ihaves = 0;
  std::size_t ids_asked = 0;
  std::size_t idontwants = 0;
  UnwantedIds unwanted;
};

/// Pure state. Not thread-safe.
class PeerTable {
 public:
  explicit PeerTable(const Limits& limits) : limits_(limits) {}

  /// Adds a peer, or changes its traits.
  void add(const multiformats::PeerId& peer, PeerTraits traits);
  void remove(const multiformats::PeerId& peer);
  /// False if it is subscribed already, or to too many topics.
  bool subscribe(const multiformats::PeerId& peer, const std::string& topic);
  /// False if it was not subscribed.
  bool unsubscribe(const multiformats::PeerId& peer, const std::string& topic);

  /// Null if it is not there.
  PeerState* find(const multiformats::PeerId& peer);
  const PeerState* find(const multiformats::PeerId& peer) const;
  const std::set<multiformats::PeerId>& of_topic(const std::string& topic) const;
  std::map<multiformats::PeerId, PeerState>& all() { return peers_; }
  std::size_t size() const { return peers_.size(); }

 private:
  Limits limits_;
  std::map<multiformats::PeerId, PeerState> peers_;
  std::map<std::string, std::set<multiformats::PeerId>> topics_;
};

}  // namespace libp2p::gossipsub
