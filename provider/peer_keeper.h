// Whom a node is connected to: finds peers in the ways that it is configured to, comes back to those that it has lost,
// parts with those of least use when there are too many, and keeps out whom it is told to.
#pragma once

#include "exchange/exchange.h"
#include "libp2p/connection_manager/connection_manager.h"
#include "libp2p/protocols/rendezvous/rendezvous.h"
#include "provider/bootstrap.h"
#include "provider/local_discovery.h"
#include "provider/node.h"
#include "provider/peer_book.h"
#include "provider/peer_list.h"
#include "provider/rendezvous_points.h"
#include "provider/watched_file.h"

#include <filesystem>
#include <memory>
#include <optional>

namespace kvp2p {

/// Files are looked at this often, whether they have changed.
inline constexpr base::Duration kFilesLookInterval = std::chrono::seconds(1);
/// What peers are worth is looked at this often.
inline constexpr base::Duration kPeersLookInterval = std::chrono::seconds(10);
/// Known peers that are tried at the start.
inline constexpr std::size_t kKnownPeersTried = 32;
/// A peer that was lost sooner after it came is not gone back to: it, or what is between, does not want that.
inline constexpr base::Duration kWorthComingBack = std::chrono::seconds(30);

struct PeerKeeperConfig {
  std::vector<multiformats::Multiaddr> bootstrap_peers;
  /// Empty: none. Read again when they change.
  std::filesystem::path peer_file, allow_file, deny_file;
  /// What holds whatever the lists say.
  libp2p::ConnectionGate gate;
  /// Where known peers are kept; none: nowhere.
  std::optional<std::filesystem::path> known_peers_file;
  bool mdns = true;
  std::optional<libp2p::pnet::PreSharedKey> network_key;
  libp2p::Watermarks marks;
  /// What signs this node's registrations at named peers that are rendezvous points, and under what name; none: it
  /// registers nowhere.
  std::optional<multiformats::PrivateKey> key;
  std::string rendezvous_name = std::string(kRendezvousName);
  RendezvousService rendezvous_service = RendezvousService::kCluster;
};

/// Node thread only, but for the constructor and start(), which come before it runs. Everything referred to outlives
/// it.
class PeerKeeper {
 public:
  using KvPeers = std::function<std::vector<KvPeer>()>;

  PeerKeeper(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, PeerKeeperConfig config,
             KvPeers kv_peers);
  ~PeerKeeper();

  /// NodeError::kBadListFile if a list cannot be read; the log says what is wrong with it.
  base::Result<> start();
  /// Looks at the files now.
  void reload();
  /// Asks again now: somebody waits for peers.
  void query_now();
  /// Idempotent; the host may be closed afterwards.
  void stop();
  /// Coroutines that have not ended yet.
  std::size_t running() const;

  PeerBook& book() { return book_; }
  libp2p::PeerValues& values() { return manager_.values(); }

 private:
  struct Lists;
  base::Result<> read_lists();
  void look();
  void look_at_kv_peers();
  void on_connected(const libp2p::Connection& connection);
  void on_disconnected(const libp2p::Connection& connection);
  void go_to(const multiformats::PeerId& peer, bool at_once);
  void start_rendezvous();

  base::Executor executor_;
  base::Clock& clock_;
  libp2p::Host& host_;
  const PeerKeeperConfig config_;
  KvPeers kv_peers_;
  PeerBook book_;
  libp2p::ConnectionManager manager_;
  Bootstrap bootstrap_;
  std::unique_ptr<LocalDiscovery> discovery_;
  std::unique_ptr<RendezvousPoints> points_;
  std::optional<libp2p::rendezvous::Server> point_;
  std::unique_ptr<Lists> lists_;
  /// Payload of each KV peer when it was last looked at.
  std::map<multiformats::PeerId, std::uint64_t> payload_bytes_;
  std::map<const libp2p::Connection*, base::TimePoint> connected_at_;
  std::unique_ptr<base::Timer> files_timer_, peers_timer_;
  bool stopped_ = false;
  /// The host's callbacks may outlive this.
  std::shared_ptr<PeerKeeper*> anchor_ = std::make_shared<PeerKeeper*>(this);
};

}  // namespace kvp2p
