#include "provider/node_impl.h"

#include "base/event_loop.h"
#include "base/log.h"
#include "base/thread_name.h"
#include "exchange/cluster_auth.h"
#include "gpu/connector_factory.h"
#include "kv/tenant.h"
#include "libp2p/host/is_connected.h"
#include "provider/cluster_key.h"
#include "provider/error.h"

#include <boost/asio/post.hpp>

#include <cstdlib>
#include <future>

namespace kvp2p {

namespace {

constexpr std::size_t kStagingSlotsMin = 4;
constexpr std::size_t kStagingSlotsMax = 4096;
constexpr std::size_t kStagingSlotBytesMin = 64u << 10;
constexpr std::size_t kStagingSlotBytesMax = 64u << 20;
constexpr std::size_t kPageBytes = 4096;
/// Between GPUs frames cross no core's cache but to be digested, and fewer cost less; the default is for memory that
/// does.
constexpr std::size_t kDeviceFrameBytesMax = 2u << 20;
/// One slot in so many is for serving offers.
constexpr std::size_t kServingShare = 3;
/// Eight of the largest Noise messages: enough for several cores, and half a millisecond of a fast network.
constexpr std::size_t kStreamTurnBytes = std::size_t{8} * 65'519;
/// Inbound handshakes of one address, each at a millisecond or so of the node thread.
constexpr std::size_t kInboundPerNetworkPerSecond = 8;
/// stats() does not wait for a busy node: then the network side's counters are left out.
/// For the hello of a peer that asks for an unlimited relay.
constexpr base::Duration kHelloPatience = std::chrono::seconds(5);
constexpr base::Duration kStatsPatience = std::chrono::milliseconds(50);
/// How often somebody who waits for peers looks again, besides being told.
constexpr base::Duration kPeersPollTime = std::chrono::milliseconds(200);
constexpr base::Duration kDirectPollTime = std::chrono::milliseconds(5);

base::Result<std::filesystem::path> config_dir_of(const NodeConfig& config) {
  if (!config.config_dir.empty()) return config.config_dir;
  if (const char* xdg = std::getenv("XDG_CONFIG_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::filesystem::path(xdg) / "kv-cache-p2p";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".config" / "kv-cache-p2p";
  }
  return NodeError::kNoConfigDir;
}

base::Result<base::Bytes> cluster_key_of(const NodeConfig& config) {
  if (!config.cluster_key.empty()) return parse_cluster_key(config.cluster_key);
  auto folder = config_dir_of(config);
  if (!folder) return folder.error();
  return load_or_create_cluster_key(*folder / "cluster.key");
}

base::Result<> check_staging(const NodeConfig& config) {
  const bool slots = config.staging_slots >= kStagingSlotsMin && config.staging_slots <= kStagingSlotsMax;
  const bool bytes = config.staging_slot_bytes >= kStagingSlotBytesMin &&
                     config.staging_slot_bytes <= kStagingSlotBytesMax && config.staging_slot_bytes % kPageBytes == 0;
  if (!slots || !bytes) return NodeError::kBadStaging;
  return {};
}

}  // namespace

NodeImpl::~NodeImpl() { stop(); }

base::Result<> NodeImpl::set_up(NodeConfig config) {
  // The logger is made at its first use: here, before this node's threads, so that two nodes' threads never race to it.
  spdlog::default_logger_raw();
  auto key = take_identity(config);
  if (!key) return key.error();
  if (auto cluster = set_up_cluster(config); !cluster) return cluster;
  if (auto memory = set_up_memory(config); !memory) return memory;
  auto network = set_up_network(config, *key);
  core_ = std::make_unique<EmbeddedCore>(*manager_, config.codec, tenant_salt_,
                                         [this](CoreStats& stats) { add_exchange_counters(stats); });
  // Even if the network failed: what has begun is closed on the node thread.
  work_.emplace(io_.get_executor());
  thread_ = std::thread([this] {
    base::name_this_thread("node");
    base::run_event_loop(io_);
  });
  return network;
}

base::Result<multiformats::PrivateKey> NodeImpl::take_identity(const NodeConfig& config) {
  if (config.ephemeral_identity) return multiformats::PrivateKey::generate();
  auto folder = config_dir_of(config);
  if (!folder) return folder.error();
  auto lock = HostKeyLock::acquire(*folder);
  if (!lock) return lock.error();
  host_key_.emplace(std::move(*lock));
  return host_key_->key();
}

base::Result<> NodeImpl::set_up_cluster(const NodeConfig& config) {
  if (!config.cluster_file.empty()) {
    if (config.open) return NodeError::kOpenWithClusterFile;
    auto cluster = ClusterWatch::load(config.cluster_file);
    if (!cluster) return cluster.error();
    cluster_ = std::move(*cluster);
  }
  if (config.tenant.empty() && config.tenant_salt_file.empty()) return {};
  auto salt = tenant_salt(cluster_.get(), config.tenant, config.tenant_salt_file);
  if (!salt) return salt.error();
  tenant_salt_ = std::move(*salt);
  return {};
}

base::Result<> NodeImpl::set_up_memory(const NodeConfig& config) {
  if (auto good = check_staging(config); !good) return good;
  auto connector = make_connector(DeviceChoice{config.device, config.gpu, config.peer_access});
  if (!connector) return connector.error();
  connector_ = std::move(*connector);
  set_up_direct(config);
  auto memory = connector_->allocate_host(config.staging_slot_bytes * config.staging_slots);
  if (!memory) return memory.error();
  const std::size_t serving = std::max<std::size_t>(1, config.staging_slots / kServingShare);
  const std::size_t receiving = config.staging_slots - serving;
  staging_ = StagingPool::create(*memory, config.staging_slot_bytes, receiving);
  const std::shared_ptr<std::uint8_t[]> rest(*memory, memory->get() + receiving * config.staging_slot_bytes);
  serving_staging_ = StagingPool::create(rest, config.staging_slot_bytes, serving);
  index_ = std::make_unique<BlockIndex>();
  CacheConfig cache;
  cache.store_bytes_max = config.store_bytes_max;
  cache.fetch_policy = config.fetch_policy;
  cache.tenant_salt = tenant_salt_;
  cache.on_model = [this](const Fingerprint& model) {
    if (cluster_) cluster_->access()->add_model(model);
    if (dht_) dht_->add_model(model);
    if (gossip_) gossip_->follow(tenant_fingerprint(model, tenant_salt_));
  };
  if (config.gossip) cache.reach = [this](auto peer, auto deadline) { return reach(std::move(peer), deadline); };
  if (config.dht != DhtMode::kOff) {
    cache.on_prefix = [this](const BlockKey& first, PrefixAt at) {
      if (dht_) dht_->prefix_asked(first, at);
    };
  }
  manager_ = std::make_unique<CacheManager>(io_.get_executor(), clock_, *connector_, serving_staging_, *index_, cache,
                                            DirectPath{direct_server_.get(), direct_client_.get()});
  return {};
}

void NodeImpl::set_up_direct(const NodeConfig& config) {
  if (!config.direct) return;
  auto server = DirectServer::start(io_.get_executor(), clock_, *connector_);
  if (!server) {
    LOG_WARN("no direct path between the nodes of this host: {}", server.error().message());
    return;
  }
  direct_server_ = std::move(*server);
  direct_client_ = DirectClient::create(io_.get_executor(), clock_, *connector_);
}

base::Result<> NodeImpl::set_up_network(const NodeConfig& config, multiformats::PrivateKey key) {
  ExchangeConfig exchange;
  if (config.open) {
    LOG_WARN("--open: ANYONE who can reach this node may read its KV cache and announce blocks to it");
  }
  auto cluster_key = cluster_key_of(config);
  // An open node needs no key, but uses one that is there.
  if (!cluster_key && !config.open) return cluster_key.error();
  if (cluster_key) exchange.cluster_key = std::move(*cluster_key);
  const base::Bytes shared_key = exchange.cluster_key;
  // Who is open needs no proof of what others announce.
  const base::Bytes gossip_key = config.open ? base::Bytes() : shared_key;
  if (config.gossip) exchange.gossip_tag = gossip_tag(gossip_key);
  exchange.open = config.open;
  exchange.trusted_peers = config.trusted_peers;
  if (cluster_) exchange.access = cluster_->access();
  if (connector_->is_device()) exchange.frame_bytes_max = kDeviceFrameBytesMax;
  exchange.frame_bytes_max = std::min(exchange.frame_bytes_max, staging_->slot_bytes());
  exchange.direct_server = direct_server_.get();
  exchange.direct_client = direct_client_.get();
  if (config.network_threads > 0 && config.data_connections_max > 0) {
    network_threads_ = std::make_unique<base::NetworkThreads>(std::min(config.network_threads, kNetworkThreadsMax));
    exchange.network_threads = network_threads_.get();
  }
  exchange.data_connections_max = std::min(config.data_connections_max, kDataConnectionsMax);
  if (config.compress != PackMode::kOff) {
    packers_ = std::make_unique<WorkerPool>(0, "packer");
    exchange.pack = {config.compress, serving_staging_, [this](auto call) { packers_->post(std::move(call)); }};
  }

  libp2p::HostConfig host{.key = key};
  host.external_addresses = config.external_addresses;
  host.stream_turn_bytes = kStreamTurnBytes;
  host.gate = gate_of(config);
  host.inbound_per_network_per_second = kInboundPerNetworkPerSecond;
  if (exchange.data_connections_max > 0) host.data_protocol = kDataProtocol;
  // Ours and the peer's, and a few ordinary ones.
  host.connections_per_peer_max = std::max(host.connections_per_peer_max, 2 * exchange.data_connections_max + 8);
  if (!config.securities.empty()) host.securities = config.securities;
  host.network_key = config.network_key;
  host_ = libp2p::Host::create(io_.get_executor(), clock_, host);
  ReachabilityConfig reach_us = config.reachability;
  if (reach_us.relay_limits.circuit_bytes == 0 && !config.open) {
    // What has no limits is for this cluster's nodes.
    reach_us.relay_serves = [this](multiformats::PeerId peer) { return is_of_cluster(std::move(peer)); };
  }
  auto reachability = Reachability::create(io_.get_executor(), clock_, *host_, host, reach_us);
  if (!reachability) return reachability.error();
  reachability_ = std::move(*reachability);
  peer_id_ = host_->peer_id();
  exchange_ = Exchange::create(io_.get_executor(), clock_, *host_, staging_, manager_->local_blocks(), *index_,
                               std::move(exchange));
  manager_->attach(*exchange_);
  if (auto events = set_up_events(config); !events) return events;
  if (auto gossip = set_up_gossip(config, key, gossip_key); !gossip) return gossip;
  exchange_->on_peer([this](const KvPeer&) { on_peers_changed(); });
  host_->on_disconnected(
      [this](std::shared_ptr<libp2p::Connection>) { boost::asio::post(io_, [this] { on_peers_changed(); }); });
  for (const auto& address : config.listen_addresses) {
    if (auto listening = host_->listen(address); !listening) {
      LOG_ERROR("cannot listen on {}: {}", address.to_text(), listening.error().message());
      return listening.error();
    }
  }
  if (auto relays = reachability_->start(config.reachability.relays); !relays) return relays;
  keeper_ = std::make_unique<PeerKeeper>(io_.get_executor(), clock_, *host_, keeper_config(config, key),
                                         [this] { return exchange_->peers(); });
  if (cluster_) cluster_->start(clock_, *exchange_);
  if (auto keeping = keeper_->start(); !keeping) return keeping;
  return set_up_dht(config, shared_key);
}

libp2p::ConnectionGate NodeImpl::gate_of(const NodeConfig& config) const {
  libp2p::ConnectionGate gate = config.gate;
  gate.denies_peer = [this, denies = std::move(gate.denies_peer)](const multiformats::PeerId& peer) {
    return (denies && denies(peer)) || (exchange_ && exchange_->is_banned(peer));
  };
  return gate;
}

PeerKeeperConfig NodeImpl::keeper_config(const NodeConfig& config, const multiformats::PrivateKey& key) const {
  PeerKeeperConfig keeper;
  keeper.bootstrap_peers = config.bootstrap_peers;
  keeper.peer_file = config.peer_file;
  keeper.allow_file = config.allow_file;
  keeper.deny_file = config.deny_file;
  keeper.gate = gate_of(config);
  keeper.mdns = config.mdns;
  keeper.network_key = config.network_key;
  keeper.marks = config.connection_marks;
  if (!config.rendezvous_name.empty()) keeper.key = key;
  keeper.rendezvous_name = config.rendezvous_name;
  keeper.rendezvous_service = config.rendezvous_service;
  if (config.keep_peers && host_key_) {
    keeper.known_peers_file = *config_dir_of(config) / ("known-peers" + host_key_->suffix() + ".txt");
  }
  return keeper;
}

base::Result<> NodeImpl::set_up_dht(const NodeConfig& config, const base::Bytes& cluster_key) {
  using libp2p::kad::Mode;
  if (config.dht == DhtMode::kOff) return {};
  DhtDiscoveryConfig dht{.bootstrap_peers = config.bootstrap_peers, .cluster_key = cluster_key};
  if (config.dht == DhtMode::kClient) dht.mode = Mode::kClient;
  if (config.dht == DhtMode::kServer) dht.mode = Mode::kServer;
  auto started = DhtDiscovery::start(io_.get_executor(), clock_, *host_, dht);
  if (!started) return started.error();
  dht_ = std::move(*started);
  tell_changes_to([to = dht_.get()](const Fingerprint&, const BlockKey& key) { to->block_stored(key); },
                  [to = dht_.get()](const Fingerprint&, const BlockKey& key) { to->block_dropped(key); });
  return {};
}

base::Result<> NodeImpl::set_up_events(const NodeConfig& config) {
  if (config.kv_events.endpoint.empty()) return {};
  auto events = KvEventPublisher::start(config.kv_events);
  if (!events) return events.error();
  events_ = std::move(*events);
  LOG_INFO("KV events at {}", events_->endpoint());
  tell_changes_to([to = events_.get()](const Fingerprint&, const BlockKey& key) { to->stored(key); },
                  [to = events_.get()](const Fingerprint&, const BlockKey& key) { to->removed(key); });
  return {};
}

base::Result<> NodeImpl::set_up_gossip(const NodeConfig& config, const multiformats::PrivateKey& key,
                                       const base::Bytes& cluster_key) {
  if (!config.gossip) return {};
  GossipConfig gossip{.key = key, .cluster_key = cluster_key, .epoch = exchange_->epoch()};
  gossip.find_addresses = [this](multiformats::PeerId peer) { return find_addresses(std::move(peer)); };
  auto created = Gossip::create(io_.get_executor(), clock_, *host_, *exchange_, *index_, std::move(gossip));
  if (!created) return created.error();
  gossip_ = std::move(*created);
  tell_changes_to([to = gossip_.get()](const Fingerprint& model, const BlockKey& block) { to->stored(model, block); },
                  [to = gossip_.get()](const Fingerprint& model, const BlockKey& block) { to->evicted(model, block); });
  return {};
}

/// Beside the peers, who are told of the same changes.
void NodeImpl::tell_changes_to(TellChange stored, TellChange dropped) {
  auto& local = manager_->local_blocks();
  local.on_stored = [told = std::move(local.on_stored), stored = std::move(stored)](
                        const Fingerprint& fingerprint, const ObjectFormat& format, const BlockKey& key) {
    told(fingerprint, format, key);
    stored(fingerprint, key);
  };
  local.on_evicted = [told = std::move(local.on_evicted), dropped = std::move(dropped)](const Fingerprint& fingerprint,
                                                                                        const BlockKey& key) {
    told(fingerprint, key);
    dropped(fingerprint, key);
  };
}

bool NodeImpl::run_on_node(std::function<void()> call, base::Duration patience) const {
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    bool given_up = false;
  };
  if (stopped_) return false;
  auto shared = std::make_shared<Shared>();
  boost::asio::post(io_, [shared, call = std::move(call)] {
    // Under the lock, so that `call` does not touch what its waiter has left.
    std::lock_guard lock(shared->mutex);
    if (shared->given_up) return;
    call();
    shared->done = true;
    shared->changed.notify_all();
  });
  std::unique_lock lock(shared->mutex);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  shared->given_up = !shared->changed.wait_until(lock, deadline, [&] { return shared->done; });
  return !shared->given_up;
}

std::vector<multiformats::Multiaddr> NodeImpl::addresses() const {
  std::vector<multiformats::Multiaddr> addresses;
  run_on_node([&] {
    for (const auto& address : host_->addresses()) {
      if (auto whole = address.with_peer(peer_id_)) addresses.push_back(*whole);
    }
  });
  return addresses;
}

std::vector<Node::PeerSummary> NodeImpl::peers() const {
  std::vector<PeerSummary> peers;
  run_on_node([&] {
    for (const KvPeer& peer : exchange_->peers()) {
      PeerSummary summary;
      summary.id = peer.id;
      summary.bytes_per_second = peer.bytes_per_second;
      for (const auto& connection : host_->connections()) {
        if (connection->remote_peer() == peer.id) summary.address = connection->remote_address().to_text();
      }
      peers.push_back(std::move(summary));
    }
  });
  return peers;
}

void NodeImpl::on_peers_changed() {
  const std::size_t count = exchange_->peers().size();
  std::lock_guard lock(mutex_);
  peer_count_ = count;
  peers_changed_.notify_all();
}

void NodeImpl::reload() {
  run_on_node([this] {
    if (keeper_) keeper_->reload();
    if (cluster_) cluster_->reload();
  });
}

bool NodeImpl::wait_for_peers(std::size_t count, base::Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  boost::asio::post(io_, [this] {
    if (keeper_) keeper_->query_now();
  });
  for (;;) {
    run_on_node([this] { on_peers_changed(); });
    const auto next = std::min(deadline, std::chrono::steady_clock::now() + kPeersPollTime);
    std::unique_lock lock(mutex_);
    if (peers_changed_.wait_until(lock, next, [&] { return stopped_ || peer_count_ >= count; })) {
      return peer_count_ >= count;
    }
    if (std::chrono::steady_clock::now() >= deadline) return false;
  }
}

bool NodeImpl::wait_for_direct_paths(base::Duration timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (bool opening = true; opening;) {
    opening = false;
    run_on_node([this, &opening] { opening = exchange_->is_opening_direct_paths(); });
    if (opening && std::chrono::steady_clock::now() >= deadline) return false;
    if (opening) std::this_thread::sleep_for(kDirectPollTime);
  }
  return true;
}

/// Shared by who waits in connect() and the coroutine that works for it.
struct NodeImpl::Connecting {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<base::Result<>> outcome;
  bool connected = false;
  base::TimePoint deadline;

  void finish(base::Result<> result) {
    std::lock_guard lock(mutex);
    outcome = result;
    changed.notify_all();
  }
};

base::Result<> NodeImpl::connect(const multiformats::Multiaddr& address, base::Duration timeout) {
  if (stopped_) return NodeError::kStopped;
  auto connecting = std::make_shared<Connecting>();
  connecting->deadline = std::chrono::steady_clock::now() + timeout;
  boost::asio::post(io_,
                    [this, connecting, address] { base::spawn(io_.get_executor(), run_connect(connecting, address)); });
  std::unique_lock lock(connecting->mutex);
  const bool in_time =
      connecting->changed.wait_until(lock, connecting->deadline, [&] { return connecting->outcome.has_value(); });
  if (in_time) return *connecting->outcome;
  return connecting->connected ? NodeError::kNoHello : NodeError::kConnectTimeout;
}

base::Task<> NodeImpl::run_connect(std::shared_ptr<Connecting> connecting, multiformats::Multiaddr address) {
  ++connects_;
  co_await wait_for_hello(connecting, std::move(address));
  --connects_;
}

base::Task<> NodeImpl::wait_for_hello(std::shared_ptr<Connecting> connecting, multiformats::Multiaddr address) {
  auto connection = co_await host_->connect(address);
  if (!connection) {
    connecting->finish(connection.error());
    co_return;
  }
  {
    std::lock_guard lock(connecting->mutex);
    connecting->connected = true;
  }
  const bool is_up = co_await wait_for_session((*connection)->remote_peer(), connecting->deadline);
  if (is_up) connecting->finish({});
  if (!is_up && (*connection)->is_closed()) connecting->finish(NodeError::kNoHello);
}

base::Task<bool> NodeImpl::wait_for_session(multiformats::PeerId peer, base::TimePoint deadline) {
  while (clock_.now() < deadline && !stopped_) {
    if (exchange_->has_session(peer)) co_return true;
    if (!libp2p::is_connected(*host_, peer)) break;
    co_await base::sleep_for(clock_, std::chrono::milliseconds(5));
  }
  co_return false;
}

base::Task<bool> NodeImpl::is_of_cluster(multiformats::PeerId peer) {
  ++connects_;
  const bool is_up = co_await wait_for_session(std::move(peer), clock_.now() + kHelloPatience);
  --connects_;
  co_return is_up;
}

base::Task<bool> NodeImpl::reach(multiformats::PeerId peer, base::TimePoint deadline) {
  ++connects_;
  auto addresses = co_await find_addresses(peer);
  auto connection = co_await host_->connect(peer, std::move(addresses));
  bool is_up = false;
  if (connection) is_up = co_await wait_for_session(peer, deadline);
  --connects_;
  co_return is_up;
}

base::Task<std::vector<multiformats::Multiaddr>> NodeImpl::find_addresses(multiformats::PeerId peer) {
  std::vector<multiformats::Multiaddr> addresses;
  if (keeper_) addresses = keeper_->book().addresses_of(peer);
  if (addresses.empty() && dht_ && !stopped_) addresses = co_await dht_->find_addresses(peer);
  co_return addresses;
}

void NodeImpl::add_exchange_counters(CoreStats& stats) const {
  ExchangeStats exchange;
  std::size_t peers = 0, leases = 0;
  const auto read = [&] {
    exchange = exchange_->stats();
    peers = exchange_->peers().size();
    leases = manager_->local_blocks().leases();
  };
  if (!run_on_node(read, kStatsPatience)) return;
  const auto nanoseconds = [](base::Duration time) { return static_cast<std::uint64_t>(time.count()); };
  stats.counters.insert(stats.counters.end(), {
                                                  {"peers", peers},
                                                  {"leases_granted_now", leases},
                                                  {"staging_slots_free", staging_->free_slots()},
                                                  {"lookups_sent", exchange.lookups_sent},
                                                  {"lookups_served", exchange.lookups_served},
                                                  {"lookups_refused", exchange.lookups_refused},
                                                  {"fetches", exchange.fetches},
                                                  {"fetches_failed", exchange.fetches_failed},
                                                  {"bytes_received", exchange.bytes_received},
                                                  {"bytes_sent", exchange.bytes_sent},
                                                  {"wire_bytes_received", exchange.wire_bytes_received},
                                                  {"wire_bytes_sent", exchange.wire_bytes_sent},
                                                  {"announcements_sent", exchange.announcements_sent},
                                                  {"announcements_received", exchange.announcements_received},
                                                  {"announcements_dropped", exchange.announcements_dropped},
                                                  {"peers_banned", exchange.peers_banned},
                                                  {"serialise_ns", nanoseconds(exchange.serialise_time)},
                                                  {"deserialise_ns", nanoseconds(exchange.deserialise_time)},
                                              });
}

base::Task<> NodeImpl::shut_down() {
  if (keeper_) keeper_->stop();
  if (dht_) dht_->stop();
  if (gossip_) gossip_->stop();
  if (cluster_) cluster_->stop();
  manager_->stop();
  if (exchange_) co_await exchange_->close();
  if (host_) co_await host_->close();
  if (reachability_) co_await reachability_->close();
  if (gossip_) co_await gossip_->close();
  if (dht_) co_await dht_->close();
  // Copies under way still read peers' memory through the client.
  while (manager_->holds_peer_regions()) co_await base::sleep_for(clock_, std::chrono::milliseconds(1));
  if (direct_client_) co_await direct_client_->close();
  if (direct_server_) co_await direct_server_->close();
  // Their coroutines hold connections, which must not outlive the host.
  while (connects_ + (keeper_ ? keeper_->running() : 0) > 0) {
    co_await base::sleep_for(clock_, std::chrono::milliseconds(1));
  }
  work_.reset();
  io_.stop();
}

void NodeImpl::stop() {
  std::lock_guard once(stop_mutex_);
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    peers_changed_.notify_all();
  }
  boost::asio::post(io_, [this] { base::spawn(io_.get_executor(), shut_down()); });
  const auto deadline = std::chrono::steady_clock::now() + kStopTimeMax;
  while (!io_.stopped() && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  if (!io_.stopped()) {
    LOG_WARN("connections did not close in time; stopping without");
    io_.stop();
  }
  thread_.join();
  // After the node thread: what it has not ended in time may still have been moving streams there.
  if (network_threads_) network_threads_->stop();
}

}  // namespace kvp2p
