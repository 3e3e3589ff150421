#include "provider/local_discovery.h"

#include "base/log.h"
#include "base/signal.h"
#include "libp2p/host/is_connected.h"

namespace kvp2p {

namespace {

/// Both sides hear of each other at the same time; the one with the greater id lets the other dial first.
constexpr base::Duration kYieldStep = std::chrono::milliseconds(50);
constexpr int kYieldSteps = 10;

}  // namespace

struct LocalDiscovery::State {
  State(const base::Executor& e, base::Clock& c, libp2p::Host& h, OnPeer call)
      : executor(e), clock(c), host(h), heard(std::move(call)) {}
  base::Executor executor;
  base::Clock& clock;
  libp2p::Host& host;
  OnPeer heard;
  std::unique_ptr<libp2p::mdns::MdnsService> service;
  /// When a peer may be dialled again.
  std::map<multiformats::PeerId, base::TimePoint> not_before;
  std::size_t dials = 0;
  bool stopping = false;
};

LocalDiscovery::LocalDiscovery(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, OnPeer heard)
    : state_(std::make_shared<State>(executor, clock, host, std::move(heard))) {}

void LocalDiscovery::start(const std::optional<libp2p::pnet::PreSharedKey>& network_key) {
  libp2p::mdns::MdnsConfig config;
  if (network_key) config.service = network_key->mdns_service();
  config.peer_id = state_->host.peer_id();
  config.addresses = [host = &state_->host] { return host->addresses(); };
  std::weak_ptr<State> weak = state_;
  state_->service = std::make_unique<libp2p::mdns::MdnsService>(
      state_->executor, state_->clock, std::move(config),
      [weak](multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses) {
        if (auto state = weak.lock()) on_peer(state, peer, std::move(addresses));
      });
  state_->service->start();
}

void LocalDiscovery::query_now() {
  if (state_->service && !state_->stopping) state_->service->query_now();
}

void LocalDiscovery::stop() {
  state_->stopping = true;
  if (state_->service) state_->service->close();
}

std::size_t LocalDiscovery::running() const { return state_->dials; }

void LocalDiscovery::on_peer(const std::shared_ptr<State>& state, multiformats::PeerId peer,
                             std::vector<multiformats::Multiaddr> addresses) {
  if (state->stopping) return;
  state->heard(peer, addresses);
  if (libp2p::is_connected(state->host, peer) || state->dials >= kDiscoveryDialsMax) return;
  const base::TimePoint now = state->clock.now();
  auto known = state->not_before.find(peer);
  if (known != state->not_before.end() && now < known->second) return;
  if (state->not_before.size() >= kDiscoveryMemoryMax) state->not_before.clear();
  // Also keeps a second dial from starting while one is under way.
  state->not_before[peer] = now + kDiscoveryRetryTime;
  base::spawn(state->executor, dial(state, peer, std::move(addresses)));
}

base::Task<> LocalDiscovery::dial(std::shared_ptr<State> state, multiformats::PeerId peer,
                                  std::vector<multiformats::Multiaddr> addresses) {
  ++state->dials;
  const int steps = peer < state->host.peer_id() ? kYieldSteps : 0;
  for (int i = 0; i < steps && !state->stopping; ++i) co_await base::sleep_for(state->clock, kYieldStep);
  if (!state->stopping && !libp2p::is_connected(state->host, peer)) {
    auto connection = co_await state->host.connect(peer, std::move(addresses));
    if (connection) {
      LOG_INFO("found peer {} on the local network", peer.to_text());
      // Once connected it may be dialled again as soon as the connection is lost.
      state->not_before.erase(peer);
    } else if (!state->stopping) {
      LOG_INFO("found peer {} on the local network, but cannot connect: {}", peer.to_text(),
               connection.error().message());
    }
  }
  --state->dials;
}

}  // namespace kvp2p
