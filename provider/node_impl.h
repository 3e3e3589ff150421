// The parts of a node and the thread that they run on.
#pragma once

#include "base/network_threads.h"
#include "cache/cache_manager.h"
#include "cache/worker_pool.h"
#include "direct/direct_client.h"
#include "direct/direct_server.h"
#include "exchange/exchange.h"
#include "gpu/connector.h"
#include "gpu/staging_pool.h"
#include "index/block_index.h"
#include "provider/cluster_watch.h"
#include "provider/dht_discovery.h"
#include "provider/embedded_core.h"
#include "provider/gossip.h"
#include "provider/host_key_lock.h"
#include "provider/node.h"
#include "provider/peer_keeper.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

namespace kvp2p {

/// Time for peers to be told goodbye; then the node stops without.
inline constexpr base::Duration kStopTimeMax = std::chrono::seconds(5);

class NodeImpl final : public Node {
 public:
  NodeImpl() = default;
  ~NodeImpl() override;

  /// Puts the parts together and starts the node thread. Once.
  base::Result<> set_up(NodeConfig config);

  KvCore& core() override { return *core_; }
  multiformats::PeerId peer_id() const override { return peer_id_; }
  std::vector<multiformats::Multiaddr> addresses() const override;
  std::string device_description() const override { return connector_->description(); }
  base::Result<> connect(const multiformats::Multiaddr& address, base::Duration timeout) override;
  bool wait_for_peers(std::size_t count, base::Duration timeout) override;
  bool wait_for_direct_paths(base::Duration timeout) override;
  std::vector<PeerSummary> peers() const override;
  void reload() override;
  void stop() override;

  // For tests: the node thread and what runs on it.
  boost::asio::io_context& io() { return io_; }
  CacheManager& manager() { return *manager_; }

 private:
  struct Connecting;

  base::Result<multiformats::PrivateKey> take_identity(const NodeConfig& config);
  /// The cluster file and the tenant.
  base::Result<> set_up_cluster(const NodeConfig& config);
  base::Result<> set_up_memory(const NodeConfig& config);
  void set_up_direct(const NodeConfig& config);
  base::Result<> set_up_events(const NodeConfig& config);
  base::Result<> set_up_network(const NodeConfig& config, multiformats::PrivateKey key);
  using TellChange = std::function<void(const Fingerprint&, const BlockKey&)>;
  void tell_changes_to(TellChange stored, TellChange dropped);
  /// Who is banned is denied, too.
  libp2p::ConnectionGate gate_of(const NodeConfig& config) const;
  PeerKeeperConfig keeper_config(const NodeConfig& config, const multiformats::PrivateKey& key) const;
  base::Result<> set_up_gossip(const NodeConfig& config, const multiformats::PrivateKey& key,
                               const base::Bytes& cluster_key);
  base::Result<> set_up_dht(const NodeConfig& config, const base::Bytes& cluster_key);
  base::Task<> run_connect(std::shared_ptr<Connecting> connecting, multiformats::Multiaddr address);
  base::Task<> wait_for_hello(std::shared_ptr<Connecting> connecting, multiformats::Multiaddr address);
  /// Until hello has succeeded: whether it has.
  base::Task<bool> wait_for_session(multiformats::PeerId peer, base::TimePoint deadline);
  /// Whether hello with a peer that has just connected succeeds.
  base::Task<bool> is_of_cluster(multiformats::PeerId peer);
  /// Connects to a peer whose address somebody may know.
  base::Task<bool> reach(multiformats::PeerId peer, base::TimePoint deadline);
  base::Task<std::vector<multiformats::Multiaddr>> find_addresses(multiformats::PeerId peer);
  base::Task<> shut_down();
  /// Runs `call` on the node thread and waits for it; false if it did not run in time or the node has stopped.
  bool run_on_node(std::function<void()> call, base::Duration patience = std::chrono::seconds(1)) const;
  void on_peers_changed();
  void add_exchange_counters(CoreStats& stats) const;

  // First, so that it goes last: whatever is posted refers to it.
  mutable boost::asio::io_context io_{1};
  base::SystemClock clock_{io_.get_executor()};
  std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
  /// Next, so that what is left on these threads goes before the node thread's executor, but after what uses them.
  std::unique_ptr<base::NetworkThreads> network_threads_;
  /// Null: no frame is compressed. Threads of its own: who fetches much must not hold up what this node checks.
  std::unique_ptr<WorkerPool> packers_;
  std::optional<HostKeyLock> host_key_;
  multiformats::PeerId peer_id_;
  std::unique_ptr<GpuConnector> connector_;
  /// For what comes in, and for what is read from offers to go out: were they one, two nodes that fetch from each other
  /// could each hold what the other waits for.
  std::shared_ptr<StagingPool> staging_;
  std::shared_ptr<StagingPool> serving_staging_;
  /// Null: off, or could not be started. Before what uses them.
  std::unique_ptr<DirectServer> direct_server_;
  std::unique_ptr<DirectClient> direct_client_;
  /// Null: off. Before the manager, which tells it.
  std::unique_ptr<KvEventPublisher> events_;
  std::unique_ptr<BlockIndex> index_;
  std::unique_ptr<CacheManager> manager_;
  std::unique_ptr<EmbeddedCore> core_;
  std::unique_ptr<libp2p::Host> host_;
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<Reachability> reachability_;
  std::unique_ptr<PeerKeeper> keeper_;
  /// Null: no cluster file.
  std::unique_ptr<ClusterWatch> cluster_;
  base::Bytes tenant_salt_;
  /// Null: off.
  std::unique_ptr<DhtDiscovery> dht_;
  std::unique_ptr<Gossip> gossip_;
  std::size_t connects_ = 0;  // coroutines under way; node thread
  std::thread thread_;

  mutable std::mutex mutex_;
  std::condition_variable peers_changed_;
  std::size_t peer_count_ = 0;
  std::atomic<bool> stopped_{false};
  std::mutex stop_mutex_;
};

}  // namespace kvp2p
