// A distributed hash table: finds peers, providers and values with no server (libp2p/specs kad-dht/README.md). Speaks
// the wire format of /ipfs/kad/1.0.0 under Config::protocol.
//
//     auto kad = kad::Kademlia::create(executor, clock, host, {.mode = kad::Mode::kServer, .seed = seed});
//     (*kad)->add_address(bootstrap);
//     co_await (*kad)->provide(kad::provider_key(fingerprint));
//     auto providers = co_await (*kad)->find_providers(kad::provider_key(fingerprint), 10);
//
// Whatever peers tell of others is their word: who is named as a provider may be none, and addresses may lead nowhere.
// Host::connect() finds out. Everything that peers can make a node hold or do has a bound (Limits).
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/protocols/kad/behaviour.h"
#include "libp2p/protocols/kad/config.h"
#include "libp2p/protocols/kad/error.h"

#include <memory>
#include <vector>

namespace libp2p::kad {

struct Stats {
  BehaviourStats behaviour;
  bool is_server = false;
  std::size_t table_peers = 0;
  std::size_t providers = 0;  ///< of others, stored here
  std::size_t records = 0;
  std::size_t queries = 0;
  std::size_t requests_under_way = 0;
  std::size_t inbound_streams = 0;
};

/// Not thread-safe: all calls on the host's executor. Destroyed after close() has completed, and before the host.
class Kademlia {
 public:
  /// Peers that identify tells to speak the protocol enter the routing table from now on, those connected already too.
  /// `clock` and `host` outlive it. Errors: those of validate(config).
  static base::Result<std::unique_ptr<Kademlia>> create(const base::Executor& executor, base::Clock& clock, Host& host,
                                                        Config config);
  ~Kademlia();
  Kademlia(const Kademlia&) = delete;
  Kademlia& operator=(const Kademlia&) = delete;

  /// A peer to begin with. It is dialled soon, and again whenever too few peers are known.
  void add_address(const multiformats::PeerId& peer, std::vector<multiformats::Multiaddr> addresses);
  /// The same of an address that ends in /p2p/…: kBadKey if it does not.
  base::Result<> add_address(const multiformats::Multiaddr& address);

  // All of these may also end with kClosed, kTooManyQueries, and kNoPeers where nobody is known.

  /// Up to k peers that are closest to the key and there; kBadKey.
  base::Task<base::Result<std::vector<PeerEntry>>> find_closest(base::Bytes key);
  /// Where the peer is said to be, it has been reached there if it is a server; kNotFound.
  base::Task<base::Result<PeerEntry>> find_peer(multiformats::PeerId peer);
  /// Others find this node as a provider of the key until stop_providing(); told anew by itself. How many were told
  /// now: a failure for lack of peers is made good later. Keys are best made by provider_key(). kBadKey, kTooManyKept.
  base::Task<base::Result<std::size_t>> provide(base::Bytes key);
  /// Peers that were told forget it when its time is over (Params::provider_ttl).
  void stop_providing(const base::Bytes& key);
  /// Up to `count` others, at most 128; none is no error. With `count` above 1 nobody's word alone ends the search.
  /// kBadKey.
  base::Task<base::Result<std::vector<PeerEntry>>> find_providers(base::Bytes key, std::size_t count);
  /// The best of the values found; kNotFound, kBadKey, kNoValidator.
  base::Task<base::Result<base::Bytes>> get_value(base::Bytes key);
  /// How many peers have it now. With `keep` it is put anew by itself while this node lives. kNotStored and the errors
  /// of Behaviour::put_value().
  base::Task<base::Result<std::size_t>> put_value(base::Bytes key, base::Bytes value, bool keep = false);

  /// kAutomatic begins as a client again.
  void set_mode(Mode mode);
  bool is_server() const;
  const RoutingTable& table() const;
  Stats stats() const;

  /// Ends all queries with kClosed and resets the streams. Waits for dials under way: soon over if the host has been
  /// closed before. Idempotent.
  base::Task<> close();

 private:
  class Impl;
  explicit Kademlia(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with its coroutines
};

}  // namespace libp2p::kad
