#include "libp2p/connection_manager/connection_manager.h"

#include "base/log.h"

#include <algorithm>

namespace libp2p {

namespace {

/// A connection that has just come is looked at a little later: several often come at once.
constexpr base::Duration kSettleTime = std::chrono::milliseconds(100);
/// Peers parted with that are remembered.
constexpr std::size_t kPartedMax = 4096;

}  // namespace

struct ConnectionManager::State : std::enable_shared_from_this<State> {
  State(base::Clock& c, Host& h, const ConnectionManagerConfig& settings) : clock(c), host(h), config(settings) {}

  void connected(const std::shared_ptr<Connection>& connection) {
    if (stopped) return;
    since[connection.get()] = clock.now();
    parted.erase(connection->remote_peer());
    if (since.size() > config.marks.high) look_in(kSettleTime);
  }

  void disconnected(const std::shared_ptr<Connection>& connection) { since.erase(connection.get()); }

  void look_in(base::Duration time) {
    const base::TimePoint when = clock.now() + time;
    if (timer && next_look <= when) return;
    next_look = when;
    timer = clock.call_at(when, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->look();
    });
  }

  void look() {
    timer.reset();
    if (stopped) return;
    trim();
    look_in(config.interval);
  }

  std::vector<ConnectedPeer> connected_peers() const {
    std::map<multiformats::PeerId, ConnectedPeer> peers;
    for (const auto& connection : host.connections()) {
      const auto begun = since.find(connection.get());
      const base::TimePoint when = begun == since.end() ? clock.now() : begun->second;
      const auto [at, is_new] =
          peers.try_emplace(connection->remote_peer(), ConnectedPeer{connection->remote_peer(), 0, when});
      ConnectedPeer& peer = at->second;
      ++peer.connections;
      peer.connected_at = std::max(peer.connected_at, when);
      peer.streams += connection->stream_count();
      peer.is_dialled |= connection->is_dialler();
    }
    std::vector<ConnectedPeer> list;
    for (const auto& [id, peer] : peers) list.push_back(peer);
    return list;
  }

  std::size_t trim() {
    const auto chosen = choose_to_close(connected_peers(), values, config.marks, clock.now());
    if (!chosen.empty()) {
      LOG_INFO("more than {} connections: parting with {} peers that are of least use", config.marks.high,
               chosen.size());
    }
    if (parted.size() + chosen.size() > kPartedMax) parted.clear();
    parted.insert(chosen.begin(), chosen.end());
    for (const auto& peer : chosen) host.disconnect(peer);
    closed += chosen.size();
    return chosen.size();
  }

  base::Clock& clock;
  Host& host;
  const ConnectionManagerConfig config;
  PeerValues values;
  std::map<const Connection*, base::TimePoint> since;  ///< of the connections that are there
  std::set<multiformats::PeerId> parted;
  std::unique_ptr<base::Timer> timer;
  base::TimePoint next_look;
  std::uint64_t closed = 0;
  bool stopped = false;
};

ConnectionManager::ConnectionManager(base::Clock& clock, Host& host, const ConnectionManagerConfig& config)
    : state_(std::make_shared<State>(clock, host, config)) {
  const std::weak_ptr<State> weak = state_;
  host.on_connected([weak](const std::shared_ptr<Connection>& connection) {
    if (const auto state = weak.lock()) state->connected(connection);
  });
  host.on_disconnected([weak](const std::shared_ptr<Connection>& connection) {
    if (const auto state = weak.lock()) state->disconnected(connection);
  });
  for (const auto& connection : host.connections()) state_->since[connection.get()] = clock.now();
  state_->look_in(config.interval);
}

ConnectionManager::~ConnectionManager() { stop(); }

PeerValues& ConnectionManager::values() { return state_->values; }

std::size_t ConnectionManager::trim() { return state_->trim(); }

std::uint64_t ConnectionManager::closed_count() const { return state_->closed; }

bool ConnectionManager::has_parted_with(const multiformats::PeerId& peer) const {
  return state_->parted.contains(peer);
}

void ConnectionManager::stop() {
  state_->stopped = true;
  state_->timer.reset();
}

}  // namespace libp2p
