// Kademlia's parameters, by the names of the specification where it has some, with the defaults of most
// implementations.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "libp2p/protocols/kad/validator.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace libp2p::kad {

/// This project's network.
inline constexpr const char* kOwnProtocol = "/kv-cache-p2p/kad/1.0.0";
/// The public one of IPFS.
inline constexpr const char* kIpfsProtocol = "/ipfs/kad/1.0.0";

/// Servers answer, store and are in others' routing tables; clients only ask.
enum class Mode {
  kClient,
  kServer,
  /// A client until somebody has connected to us directly, which shows that one can; or until set_mode().
  kAutomatic,
};

/// All are above 0.
struct Params {
  std::size_t k = 20;      ///< peers of a bucket, and those closest to a key that are told of it; at most 64
  std::size_t alpha = 10;  ///< requests of one query at once; at least disjoint_paths
  /// Ways that a query takes at once, no peer on two of them: who lies spoils the one he is on (S/Kademlia). Each costs
  /// as many requests as a query by itself.
  std::size_t disjoint_paths = 2;
  /// Those of a query that only keeps the routing table fresh.
  std::size_t refresh_paths = 1;
  /// A query of values ends with so many that agree.
  std::size_t value_quorum = 3;

  /// From dialling to the answer.
  base::Duration request_timeout = std::chrono::seconds(10);
  /// A query that takes longer ends with what it has.
  base::Duration query_timeout = std::chrono::minutes(1);
  /// How often the routing table is refreshed; peers not heard of for so long are asked whether they are there.
  base::Duration refresh_interval = std::chrono::minutes(10);
  /// While fewer than k peers are known, bootstrap peers and those that were known are tried so often.
  base::Duration bootstrap_interval = std::chrono::seconds(30);
  base::Duration provider_ttl = std::chrono::hours(48);
  base::Duration record_ttl = std::chrono::hours(48);
  /// How often what this node provides, and values that it has put, are told anew; less than their time to live. Those
  /// who were told leave: where half of the nodes are replaced within an hour, one of 20 is left after four. (go: 22
  /// h.)
  base::Duration republish_interval = std::chrono::hours(1);
};

/// Bounds on what peers can make us hold or do. All are above 0.
struct Limits {
  /// Peers of one public network (IPv4 /16, IPv6 /32) in a bucket, and in the whole routing table.
  std::size_t network_bucket_peers_max = 5;
  std::size_t network_table_peers_max = 40;
  /// Peers that one query asks, and those that it knows of.
  std::size_t query_requests_max = 256;
  std::size_t query_peers_max = 1024;
  /// Queries under way; maintenance is not counted.
  std::size_t queries_max = 128;
  /// Providers of others that are stored: in all, of a key, and keys of one provider.
  std::size_t providers_max = 128 * 1024;
  std::size_t providers_per_key_max = 128;
  std::size_t keys_per_provider_max = 8 * 1024;
  /// Values of others that are stored, and their bytes with keys.
  std::size_t records_max = 16 * 1024;
  std::size_t record_bytes_max = 64 * 1024 * 1024;
  std::size_t value_bytes_max = 8 * 1024;  ///< at most 12 KiB: rust takes messages of 16 KiB
  /// Keys that this node provides, and values that it keeps up.
  std::size_t provided_max = 8 * 1024;
  std::size_t kept_values_max = 1024;
  /// Connected peers that are no servers and are remembered for whoever looks for them.
  std::size_t connected_clients_max = 4 * 1024;

  // Streams of the protocol.
  std::size_t request_bytes_max = 64 * 1024;
  std::size_t response_bytes_max = 512 * 1024;
  /// Open ones that peers have opened: of one peer, and of all.
  std::size_t inbound_streams_per_peer_max = 32;
  std::size_t inbound_streams_max = 2048;
  /// One that brings no request for so long is closed.
  base::Duration inbound_idle_timeout = std::chrono::minutes(1);
  /// Requests of one peer that are answered: so many at once, then one an interval. Beyond that it waits.
  std::size_t requests_burst = 200;
  base::Duration request_interval = std::chrono::milliseconds(10);
  /// Requests that are under way to peers, of all queries together; others wait.
  std::size_t outbound_requests_max = 256;
};

struct Config {
  std::string protocol = kOwnProtocol;
  Mode mode = Mode::kAutomatic;
  Params params = {};
  Limits limits = {};
  /// Values are taken and stored only under keys of these namespaces.
  Validators validators = {{"pk", public_key_validator()}};
  /// Seeds every random choice: equal seeds and equal events make equal decisions.
  std::uint64_t seed = 0;
};

/// kBadConfig.
base::Result<> validate(const Config& config);

}  // namespace libp2p::kad
