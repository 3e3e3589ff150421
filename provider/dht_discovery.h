// Finds nodes that have KV of the same models, and of the same prompts, by a distributed hash table, and connects to
// them.
//
// A node announces itself under each model that its engines have registered, and looks for others that did: often at
// first, then less and less. It announces itself, too, under the first blocks of prompts that its engines have asked
// for and it holds, and looks for those that no peer it knows has: where a model has more nodes than one connects to,
// that is how the right ones are met. What it announces is a hash of the cluster key and the model's fingerprint or
// block's key, so that nodes of different clusters in one DHT do not find each other, and nobody else learns who runs
// what.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/random_seed.h"
#include "cache/core_types.h"
#include "kv/block_key.h"
#include "libp2p/protocols/kad/kademlia.h"

#include <memory>
#include <vector>

namespace kvp2p {

/// Models looked for; further ones are not.
inline constexpr std::size_t kDhtModelsMax = 64;
/// Providers asked for at once, and dials under way.
inline constexpr std::size_t kDhtProvidersMax = 32;
inline constexpr std::size_t kDhtDialsMax = 16;
/// Between two searches for one model: the first, doubled each time, the last.
inline constexpr base::Duration kDhtSearchMin = std::chrono::seconds(2);
inline constexpr base::Duration kDhtSearchMax = std::chrono::minutes(5);

/// Prompts that are told of or looked for, searches for them under way, the time between two for the same one, and the
/// providers of each.
inline constexpr std::size_t kDhtPrefixesMax = 2048;
inline constexpr std::size_t kDhtPrefixSearchesMax = 8;
inline constexpr base::Duration kDhtPrefixPause = std::chrono::minutes(1);
inline constexpr std::size_t kDhtPrefixProvidersMax = 8;

/// What a node of the cluster that has the model, or the prompt that begins with the block, is a provider of.
base::Bytes dht_model_key(const base::Bytes& cluster_key, const Fingerprint& model);
base::Bytes dht_prefix_key(const base::Bytes& cluster_key, const BlockKey& first);

struct DhtDiscoveryConfig {
  libp2p::kad::Mode mode = libp2p::kad::Mode::kAutomatic;
  std::string protocol = libp2p::kad::kOwnProtocol;
  /// Those without /p2p/… at their end are of no use to the DHT until somebody connects to them.
  std::vector<multiformats::Multiaddr> bootstrap_peers = {};
  /// Empty in an open cluster.
  base::Bytes cluster_key = {};
  libp2p::kad::Params params = {};
  std::uint64_t seed = base::random_seed();
};

/// Node thread only.
class DhtDiscovery {
 public:
  /// `clock` and `host` outlive it. Errors: those of kad::validate().
  static base::Result<std::unique_ptr<DhtDiscovery>> start(const base::Executor& executor, base::Clock& clock,
                                                           libp2p::Host& host, const DhtDiscoveryConfig& config);

  /// Others find this node by the model from now on, and it looks for them. Nothing the second time.
  void add_model(const Fingerprint& model);
  /// An engine looks for a prompt that begins with this block.
  void prefix_asked(const BlockKey& first, PrefixAt at);
  /// Of any block, whether it is a first one or not.
  void block_stored(const BlockKey& key);
  void block_dropped(const BlockKey& key);
  /// Where a peer is said to be; none if nobody knows.
  base::Task<std::vector<multiformats::Multiaddr>> find_addresses(multiformats::PeerId peer);
  libp2p::kad::Kademlia& kademlia();
  /// Idempotent; the host may be closed afterwards.
  void stop();
  /// After the host has been closed.
  base::Task<> close();

 private:
  struct State;
  explicit DhtDiscovery(std::shared_ptr<State> state) : state_(std::move(state)) {}
  static base::Task<> search(std::shared_ptr<State> state, base::Bytes key);
  static base::Task<> search_prefix(std::shared_ptr<State> state, base::Bytes key);
  static base::Task<> provide_prefix(std::shared_ptr<State> state, base::Bytes key);
  /// Connects to those among them that it is not connected to.
  static void meet(const std::shared_ptr<State>& state, const std::vector<libp2p::kad::PeerEntry>& providers);
  static base::Task<> announce(std::shared_ptr<State> state, base::Bytes key);
  static base::Task<> dial(std::shared_ptr<State> state, libp2p::kad::PeerEntry peer);
  static base::Task<> wait(std::shared_ptr<State> state, base::Duration time);

  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
