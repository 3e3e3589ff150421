// One node: everything between an engine and the network, put together.
#pragma once

#include "base/result.h"
#include "events/kv_event_publisher.h"
#include "exchange/pack_mode.h"
#include "kv/codec.h"
#include "libp2p/connection_manager/peer_values.h"
#include "libp2p/host/host.h"
#include "provider/kv_core.h"
#include "provider/reachability.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace kvp2p {

/// Whom a node is a rendezvous point for: nobody, the KV peers that it has authorised, or anyone who connects.
enum class RendezvousService { kOff, kCluster, kAnyone };

/// Whether a node takes part in the distributed hash table by which nodes of the same models find each other
/// (provider/dht_discovery.h): not, as one that only asks, as one that answers too, or that once it can be reached.
enum class DhtMode : std::uint8_t { kOff, kClient, kServer, kAutomatic };

/// Nodes of one user on one machine that keep a host key each.
inline constexpr int kHostKeysMax = 64;

inline constexpr unsigned kNetworkThreadsMax = 64;
inline constexpr std::size_t kDataConnectionsMax = 64;

/// Half of the cores, as the other half has the engine's work, and at most eight, which is more than a fast network
/// needs.
unsigned default_network_threads();

struct NodeConfig {
  /// Holds the host key and, by default, the cluster key; made with mode 0700. Default: $XDG_CONFIG_HOME/kv-cache-p2p
  /// or
  /// ~/.config/kv-cache-p2p.
  std::filesystem::path config_dir;
  /// A new host key at every start, kept nowhere. Otherwise the key is config_dir/host.key, locked (flock) while the
  /// node runs; a second node of the same user, which must not have the same peer id, takes host-2.key, a third
  /// host-3.key, up to kHostKeysMax.
  bool ephemeral_identity = false;
  std::vector<multiformats::Multiaddr> listen_addresses;
  std::vector<multiformats::Multiaddr> external_addresses;
  std::vector<multiformats::Multiaddr> bootstrap_peers;
  /// Whom to have to do with at all; everybody by default.
  libp2p::ConnectionGate gate = {};
  /// Files that are read again when they change (provider/peer_list.h); empty: none. Of peers to keep connected to, one
  /// multiaddr a line; of whom alone to have to do with, and of whom not, one peer id or range of addresses a line, on
  /// top of `gate`.
  std::filesystem::path peer_file = {};
  std::filesystem::path allow_file = {};
  std::filesystem::path deny_file = {};
  /// Who may read, write and announce for which model and tenant (docs/cluster.md); empty: whoever has the cluster key
  /// may everything. Read again when it changes. The peers that it names need no cluster key.
  std::filesystem::path cluster_file = {};
  /// Whose blocks this node's engine uses: a tenant of the cluster file; or, without one, whoever has the salt in this
  /// file. Both empty: nobody's in particular.
  std::string tenant = {};
  std::filesystem::path tenant_salt_file = {};
  /// Peers that were known are kept in config_dir/known-peers.txt, beside the host key, and gone back to at the next
  /// start. An ephemeral node keeps nothing.
  bool keep_peers = true;
  /// Named peers that are rendezvous points are told of this node and asked for others, under this name; empty: not.
  std::string rendezvous_name = "kv-cache-p2p";
  /// Whom this node is such a point for.
  RendezvousService rendezvous_service = RendezvousService::kCluster;
  /// Above so many connections those of least use are closed, down to so many. Those that are named and those with
  /// traffic stay.
  libp2p::Watermarks connection_marks = {};
  /// Peers that may ask without the cluster key.
  std::vector<multiformats::PeerId> trusted_peers;
  /// 64 hex digits, or empty: the key file in config_dir, made at first start.
  std::string cluster_key;
  bool open = false;
  bool mdns = true;
  /// Tell and hear by gossip which node holds which blocks, rather than from each peer over the connection with it: for
  /// clusters of more nodes than one connects to. Nodes that do and nodes that do not understand each other. Every
  /// holder of the cluster key can hear it, whatever a cluster file lets it read: of keys, 8 bytes each.
  bool gossip = false;
  /// Begins with the bootstrap peers and whoever else connects.
  DhtMode dht = DhtMode::kOff;
  /// Bounds of the local host-memory tier and of the staging pool.
  std::size_t store_bytes_max = std::size_t{1} << 30;
  std::size_t staging_slot_bytes = std::size_t{4} << 20;
  std::size_t staging_slots = 32;
  /// Whose memory is registered: "auto", "host" or "cuda" (gpu/connector_factory.h).
  std::string device = "auto";
  /// The GPU as counted without CUDA_VISIBLE_DEVICES; nothing: the first that is visible.
  std::optional<int> gpu;
  /// Whether the GPU may read other GPUs' memory, over NVLink or PCIe. Without, they are reached by way of the host.
  bool peer_access = true;
  /// Threads that carry payload beside the node thread, at most kNetworkThreadsMax; 0: the node thread carries it.
  unsigned network_threads = default_network_threads();
  /// Further connections for payload that this node opens to one peer, at most kDataConnectionsMax; 0: none, to peers
  /// or from them, and payload goes over the connection that is there.
  std::size_t data_connections_max = 8;
  /// What the provider's blocks are coded with, stored, announced, asked for and sent (docs/codecs.md). Anything but
  /// kNone loses precision, and is another identity: nodes share blocks with nodes that code alike, and with no others.
  Codec codec = Codec::kNone;
  /// Whether what travels between this node and a peer is compressed on its way, without loss, where the peer's is not
  /// off either. Takes cores for bandwidth: for slow links (docs/codecs.md).
  PackMode compress = PackMode::kOff;
  /// Whether what peers have is fetched where computing it again is expected to be quicker.
  FetchPolicy fetch_policy = FetchPolicy::kAuto;
  /// Peers of this host and user read offered blocks in place, and this node theirs.
  bool direct = true;
  /// What secures connections, in the order in which it is proposed; empty: libp2p::default_securities().
  std::vector<std::string> securities = {};
  /// The key of a private network (libp2p::HostConfig::network_key). mDNS then finds nodes of this network alone.
  std::optional<libp2p::pnet::PreSharedKey> network_key = std::nullopt;
  /// How it is reached from outside its network (docs/reachability.md).
  ReachabilityConfig reachability = {};
  /// What this node stores and drops, told as vLLM tells it (docs/events.md); off without an endpoint.
  KvEventsConfig kv_events = {};
};

/// Thread-safe. Runs the node thread and the copy threads; stops and joins them when destroyed.
class Node {
 public:
  static base::Result<std::unique_ptr<Node>> start(NodeConfig config);
  virtual ~Node() = default;

  virtual KvCore& core() = 0;
  virtual multiformats::PeerId peer_id() const = 0;
  /// Dialable addresses, each with /p2p/<id>.
  virtual std::vector<multiformats::Multiaddr> addresses() const = 0;
  /// "host memory (no GPU): …"
  virtual std::string device_description() const = 0;

  /// Dials and waits for hello.
  virtual base::Result<> connect(const multiformats::Multiaddr& address, base::Duration timeout) = 0;
  /// Waits until at least `count` KV peers are there (by mDNS or otherwise).
  virtual bool wait_for_peers(std::size_t count, base::Duration timeout) = 0;
  /// Waits while the memory of nodes of this host, whose blocks are read in place then, is being opened for the first
  /// time: a GPU's takes from some milliseconds to seconds, where the driver has yet to meet the other GPU. False if
  /// that still goes on.
  virtual bool wait_for_direct_paths(base::Duration timeout) = 0;
  struct PeerSummary {
    multiformats::PeerId id;
    std::string address;
    std::uint64_t bytes_per_second = 0;
  };
  virtual std::vector<PeerSummary> peers() const = 0;

  /// Looks at the files that the configuration names now, rather than within a second.
  virtual void reload() = 0;

  /// Says goodbye and stops; later calls fail. Idempotent.
  virtual void stop() = 0;
};

}  // namespace kvp2p
