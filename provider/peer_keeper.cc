#include "provider/peer_keeper.h"

#include "base/log.h"
#include "libp2p/host/is_connected.h"
#include "provider/error.h"

#include <algorithm>
#include <random>

namespace kvp2p {

namespace {

using multiformats::PeerId;

/// What a peer is worth for speaking the KV protocol; each MiB of payload lately is worth one more.
constexpr double kKvPeerValue = 10;
constexpr double kBytesPerUse = 1 << 20;

libp2p::UnixTime wall_clock() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

Chance random_chance() {
  return [source = std::mt19937_64(std::random_device()())]() mutable {
    return std::uniform_real_distribution<double>()(source);
  };
}

libp2p::ConnectionManagerConfig manager_config(const libp2p::Watermarks& marks) {
  libp2p::ConnectionManagerConfig config;
  config.marks = marks;
  return config;
}

}  // namespace

/// The files, and what they last said that could be read.
struct PeerKeeper::Lists {
  struct File {
    explicit File(const std::filesystem::path& path) {
      if (!path.empty()) watched.emplace(path, kPeerListBytesMax);
    }
    /// Parses a new content into `into`, which stays as it is where there is none that is right. True: it is another.
    template <class List, class Parse>
    bool read(List& into, Parse parse) {
      const auto content = watched ? watched->changed() : std::nullopt;
      if (!content) return false;
      is_good = false;
      if (!*content) {
        LOG_ERROR("{}: {}", watched->path().string(), content->error().message());
        return false;
      }
      auto list = parse(**content);
      if (!list) {
        LOG_ERROR("{}", list.error().to_text(watched->path().string()));
        return false;
      }
      is_good = true;
      return std::exchange(into, std::move(*list)) != into;
    }
    std::optional<WatchedFile> watched;
    bool is_good = true;
  };

  explicit Lists(const PeerKeeperConfig& config)
      : peer_file(config.peer_file), allow_file(config.allow_file), deny_file(config.deny_file) {}

  bool are_good() const { return peer_file.is_good && allow_file.is_good && deny_file.is_good; }
  libp2p::ConnectionGate gate(libp2p::ConnectionGate with) const {
    with.allowed_peers.insert(allowed.peers.begin(), allowed.peers.end());
    // A list of nobody allows nobody.
    if (allow_file.watched && allowed == GateList()) with.allowed_peers.insert(PeerId());
    with.denied_peers.insert(denied.peers.begin(), denied.peers.end());
    with.allowed_addresses.insert(with.allowed_addresses.end(), allowed.addresses.begin(), allowed.addresses.end());
    with.denied_addresses.insert(with.denied_addresses.end(), denied.addresses.begin(), denied.addresses.end());
    return with;
  }

  File peer_file, allow_file, deny_file;
  Bootstrap::Addresses named;
  GateList allowed, denied;
};

PeerKeeper::PeerKeeper(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, PeerKeeperConfig config,
                       KvPeers kv_peers)
    : executor_(executor),
      clock_(clock),
      host_(host),
      config_(std::move(config)),
      kv_peers_(std::move(kv_peers)),
      book_(clock, host, wall_clock, config_.known_peers_file),
      manager_(clock, host, manager_config(config_.marks)),
      bootstrap_(executor, clock, host, random_chance(),
                 [this](const PeerId& peer) {
                   manager_.values().protect(peer, "named");
                   if (points_) points_->use(peer);
                 }),
      lists_(std::make_unique<Lists>(config_)) {}

PeerKeeper::~PeerKeeper() {
  stop();
  *anchor_ = nullptr;
}

base::Result<> PeerKeeper::start() {
  if (const auto read = read_lists(); !read) return read;
  host_.set_gate(lists_->gate(config_.gate));
  using Shared = std::shared_ptr<libp2p::Connection>;
  host_.on_connected([anchor = anchor_](const Shared& it) {
    if (*anchor != nullptr) (*anchor)->on_connected(*it);
  });
  host_.on_disconnected([anchor = anchor_](const Shared& it) {
    if (*anchor != nullptr) (*anchor)->on_disconnected(*it);
  });
  start_rendezvous();
  bootstrap_.start(config_.bootstrap_peers);
  for (const PeerId& peer : book_.last_kv_peers(kKnownPeersTried)) go_to(peer, false);
  if (config_.mdns) {
    discovery_ = std::make_unique<LocalDiscovery>(
        executor_, clock_, host_, [this](const PeerId& peer, const auto& addresses) { book_.heard(peer, addresses); });
    discovery_->start(config_.network_key);
  }
  look();
  look_at_kv_peers();
  return {};
}

void PeerKeeper::start_rendezvous() {
  if (config_.rendezvous_service != RendezvousService::kOff) {
    libp2p::rendezvous::Server::Config service;
    if (config_.rendezvous_service == RendezvousService::kCluster) {
      service.serves = [this](const PeerId& peer) {
        return std::ranges::any_of(kv_peers_(), [&peer](const KvPeer& each) { return each.id == peer; });
      };
    }
    point_.emplace(clock_, host_, std::move(service));
  }
  if (!config_.key) return;
  const auto found = [this](const PeerId& peer, const std::vector<multiformats::Multiaddr>& addresses) {
    book_.heard(peer, addresses);
    if (!libp2p::is_connected(host_, peer)) go_to(peer, true);
  };
  points_ = std::make_unique<RendezvousPoints>(executor_, clock_, host_, *config_.key, config_.rendezvous_name,
                                               random_chance(), found);
}

base::Result<> PeerKeeper::read_lists() {
  if (lists_->peer_file.read(lists_->named, parse_peer_list)) bootstrap_.set_listed(lists_->named);
  // Both are read, whatever the first says.
  const bool allows = lists_->allow_file.read(lists_->allowed, parse_gate_list);
  const bool denies = lists_->deny_file.read(lists_->denied, parse_gate_list);
  if (allows || denies) host_.set_gate(lists_->gate(config_.gate));
  if (!lists_->are_good()) return NodeError::kBadListFile;
  return {};
}

void PeerKeeper::reload() {
  if (stopped_) return;
  if (!read_lists()) LOG_WARN("what was read of these lists before holds on");
}

void PeerKeeper::look() {
  if (stopped_) return;
  (void)read_lists();  // what is wrong has been logged
  files_timer_ = clock_.call_at(clock_.now() + kFilesLookInterval, [this] { look(); });
}

void PeerKeeper::look_at_kv_peers() {
  if (stopped_) return;
  std::map<PeerId, std::uint64_t> bytes;
  for (const KvPeer& peer : kv_peers_()) {
    manager_.values().set_tag(peer.id, "kv", kKvPeerValue);
    const auto before = payload_bytes_.find(peer.id);
    // A new session counts from 0.
    const std::uint64_t known = before == payload_bytes_.end() ? 0 : std::min(before->second, peer.payload_bytes);
    manager_.values().add_use(peer.id, static_cast<double>(peer.payload_bytes - known) / kBytesPerUse, clock_.now());
    bytes[peer.id] = peer.payload_bytes;
  }
  payload_bytes_ = std::move(bytes);
  peers_timer_ = clock_.call_at(clock_.now() + kPeersLookInterval, [this] { look_at_kv_peers(); });
}

void PeerKeeper::on_connected(const libp2p::Connection& connection) { connected_at_[&connection] = clock_.now(); }

void PeerKeeper::on_disconnected(const libp2p::Connection& connection) {
  const PeerId peer = connection.remote_peer();
  const auto since = connected_at_.extract(&connection);
  if (stopped_ || !book_.is_kv_peer(peer) || manager_.has_parted_with(peer)) return;
  if (libp2p::is_connected(host_, peer)) return;
  if (since && clock_.now() - since.mapped() >= kWorthComingBack) go_to(peer, false);
}

void PeerKeeper::go_to(const PeerId& peer, bool at_once) {
  const auto addresses = [anchor = anchor_, peer] {
    return *anchor == nullptr ? Bootstrap::Addresses() : (*anchor)->book_.addresses_of(peer);
  };
  bootstrap_.go_to(peer, addresses, at_once);
}

void PeerKeeper::query_now() {
  if (discovery_ && !stopped_) discovery_->query_now();
}

void PeerKeeper::stop() {
  if (std::exchange(stopped_, true)) return;
  files_timer_.reset();
  peers_timer_.reset();
  bootstrap_.stop();
  if (discovery_) discovery_->stop();
  if (points_) points_->stop();
  point_.reset();
  manager_.stop();
  book_.stop();
}

std::size_t PeerKeeper::running() const {
  return bootstrap_.running() + (discovery_ ? discovery_->running() : 0) + (points_ ? points_->running() : 0);
}

}  // namespace kvp2p
