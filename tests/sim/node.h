// A simulated node: the libp2p host, Kademlia, GossipSub, the index and the announcements that feed it, as a real node
// has them, on a simulated network.
#pragma once

#include "exchange/gossip_carrier.h"
#include "index/announcements.h"
#include "index/block_index.h"
#include "libp2p/connection_manager/connection_manager.h"
#include "libp2p/host/host.h"
#include "libp2p/protocols/gossipsub/gossipsub.h"
#include "provider/bootstrap.h"
#include "provider/dht_discovery.h"
#include "tests/sim/network.h"
#include "tests/sim/prompts.h"
#include "tests/sim/signatures.h"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <vector>

namespace kvp2p::sim {

using libp2p::kad::PeerEntry;

/// What all nodes have in common.
struct Surroundings {
  World& world;
  Network& network;
  CheckedSignatures& signatures;
  /// Connections above which a node parts with some, and how many are left.
  libp2p::Watermarks marks;
  /// Addresses that a node is told to begin with.
  std::function<std::vector<multiformats::Multiaddr>()> ways_in;
};

/// What a node holds, in numbers that have bounds.
struct Accounts {
  std::size_t connections = 0;
  std::size_t streams = 0;
  std::size_t index_pairs = 0;
  std::size_t gossip_peers = 0;
  std::size_t gossip_queued_bytes = 0;
  std::size_t gossip_seen = 0;
  std::size_t gossip_cached_bytes = 0;
  std::size_t table_peers = 0;
  std::size_t provider_records = 0;
};

/// Not thread-safe. Destroy it a while after close() has completed: what it has asked others may not have ended before.
class SimNode {
 public:
  /// Prompts whose blocks it keeps.
  static constexpr std::size_t kPromptsHeld = 4;
  static constexpr base::Duration kStorePeriod = std::chrono::seconds(60);
  static constexpr std::size_t kConnectionsMax = 80;
  /// How often it looks at what its peers are worth: before any has lost its grace, as a node does.
  static constexpr base::Duration kValuePeriod = std::chrono::seconds(1);
  /// Providers that a look-up is to find.
  static constexpr std::size_t kProvidersWanted = 8;
  /// Half of the nodes are replaced in an hour: what is known of them must not be kept for two days.
  static constexpr base::Duration kProviderTtl = std::chrono::minutes(20);
  static constexpr base::Duration kRepublishInterval = std::chrono::minutes(8);
  /// Peers that a look-up asks at most, one after the other.
  static constexpr std::size_t kAskedMax = 3;

  SimNode(Surroundings& surroundings, ModelNumber model);
  ~SimNode();
  void start();

  NodeNumber number() const { return number_; }
  ModelNumber model() const { return model_; }
  const multiformats::PeerId& id() const { return host_->peer_id(); }
  base::TimePoint born() const { return born_; }

  /// Since when it has held all blocks of the prompt; nothing if it does not.
  std::optional<base::TimePoint> holds_since(PromptNumber prompt) const;
  std::vector<PromptNumber> prompts() const;
  struct Answer {
    std::size_t asked = 0;  ///< peers
    bool found = false;
    base::Duration time{};
  };
  /// Who has the prompt? Asks those whom the index names whether they really have it.
  base::Task<Answer> look_up(PromptNumber prompt);
  /// The same in the DHT: who provides a model, and where a peer is.
  base::Task<std::vector<PeerEntry>> find_providers(ModelNumber model);
  base::Task<std::vector<multiformats::Multiaddr>> find_addresses(multiformats::PeerId peer);

  Accounts accounts() const;

  base::Task<> close();

 private:
  struct Held {
    PromptNumber prompt;
    base::TimePoint since;
  };

  void store_next();
  /// Peers of its model: they are to stay when there are too many connections, and it goes back to those it has lost.
  struct Valued {
    base::TimePoint since;
    std::vector<multiformats::Multiaddr> addresses = {};
  };
  void value_peers();
  void on_disconnected(const multiformats::PeerId& peer);
  base::Task<bool> confirm(multiformats::PeerId holder, BlockKey key);

  Surroundings& around_;
  const ModelNumber model_;
  const Fingerprint fingerprint_;
  const NodeNumber number_;
  const base::TimePoint born_;
  Random random_;
  std::unique_ptr<libp2p::Host> host_;
  std::unique_ptr<libp2p::ConnectionManager> manager_;
  std::unique_ptr<DhtDiscovery> dht_;
  std::unique_ptr<Bootstrap> bootstrap_;
  std::unique_ptr<libp2p::gossipsub::Gossipsub> gossipsub_;
  BlockIndex index_;
  std::unique_ptr<GossipCarrier> carrier_;
  std::unique_ptr<Announcements> announcements_;
  std::deque<Held> held_;
  std::unique_ptr<base::Timer> store_timer_, value_timer_;
  std::map<multiformats::PeerId, Valued> valued_ = {};
  bool closing_ = false;
};

}  // namespace kvp2p::sim
