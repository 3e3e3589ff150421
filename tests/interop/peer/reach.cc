#include "tests/interop/peer/reach.h"

#include "libp2p/core/error.h"
#include "tests/interop/peer/commands.h"

#include <algorithm>
#include <chrono>

namespace interop {

namespace relay = libp2p::relay;

namespace {

using namespace std::chrono_literals;

constexpr auto kReservationPoll = 20ms;
constexpr int kReservationPolls = 1000;
constexpr int kProbePolls = 2000;

}  // namespace

Reach::Reach(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
             const multiformats::PrivateKey& key, const ReachOptions& options)
    : observer_(clock, host) {
  if (options.relay) client_ = relay::Client::create(executor, clock, host, {});
  if (!options.relay_server.empty()) {
    relay::ServerConfig config{.key = key};
    if (options.relay_server == "unlimited") config.limits = relay::unlimited_circuits();
    server_ = relay::Server::create(executor, clock, host, std::move(config)).value();
  }
  if (options.punch) {
    libp2p::dcutr::HolePuncherConfig config;
    config.own_addresses = [this] { return observer_.candidates(); };
    puncher_ = libp2p::dcutr::HolePuncher::create(executor, clock, host, std::move(config));
  }
  if (options.autonat) start_autonat(executor, clock, host);
}

void Reach::start_autonat(const base::Executor& executor, base::Clock& clock, libp2p::Host& host) {
  libp2p::autonat::ClientConfig ask;
  ask.addresses = [this] { return probed_; };
  ask.confidence = 1;
  autonat_ = libp2p::autonat::Client::create(executor, clock, host, std::move(ask));
  libp2p::HostConfig own{.key = multiformats::PrivateKey::generate()};
  auto dialler = libp2p::Host::create(executor, clock, std::move(own));
  autonat_server_ = libp2p::autonat::Server::create(executor, clock, host, std::move(dialler));
}

base::Task<> Reach::close() {
  if (autonat_) co_await autonat_->close();
  if (autonat_server_) co_await autonat_server_->close();
  if (puncher_) co_await puncher_->close();
  if (client_) co_await client_->close();
  if (server_) co_await server_->close();
}

base::Task<Reply> reserve(Peer& peer, Arguments arguments) {
  if (!peer.reach() || !peer.reach()->relays()) co_return libp2p::Error::kProtocolNotSupported;
  const auto address = multiformats::Multiaddr::from_text(arguments[0] + "/p2p-circuit");
  if (!address) co_return address.error();
  if (const auto listening = peer.host().listen(*address); !listening) co_return listening.error();
  base::Error failure = libp2p::Error::kTimeout;
  for (int poll = 0; poll < kReservationPolls; ++poll) {
    const auto relays = peer.reach()->relays()->relays();
    const auto& state = relays.back();
    if (state.has_reservation) {
      ordered_json addresses = ordered_json::array();
      for (const auto& each : state.addresses) {
        addresses.push_back(each.with_peer(peer.host().peer_id()).value().to_text());
      }
      co_return Fields(ordered_json{{"addresses", addresses}});
    }
    failure = state.failure;
    co_await base::sleep_for(peer.clock(), kReservationPoll);
  }
  co_return failure;
}

base::Task<Reply> probe(Peer& peer, Arguments arguments) {
  using libp2p::autonat::Verdict;
  const auto address = multiformats::Multiaddr::from_text(arguments[0]);
  if (!address) co_return address.error();
  libp2p::autonat::Client* const autonat = peer.reach() ? peer.reach()->probe(*address) : nullptr;
  if (autonat == nullptr) co_return libp2p::Error::kProtocolNotSupported;
  for (int poll = 0; poll < kProbePolls; ++poll) {
    const Verdict verdict = autonat->verdict(*address);
    if (verdict != Verdict::kUnknown) co_return Fields(ordered_json{{"reachable", verdict == Verdict::kReachable}});
    co_await base::sleep_for(peer.clock(), kReservationPoll);
  }
  co_return libp2p::Error::kTimeout;
}

base::Task<Reply> path(Peer& peer, Arguments arguments) {
  bool relayed = false, limited = false, direct = false;
  for (const auto& each : peer.host().connections()) {
    if (each->remote_peer().to_text() != arguments[0]) continue;
    (libp2p::is_relayed(*each) ? relayed : direct) = true;
    limited |= each->is_limited();
  }
  if (direct) {
    // What is opened from now on goes there.
    const auto id = multiformats::PeerId::from_text(arguments[0]);
    if (!id) co_return id.error();
    std::vector<multiformats::Multiaddr> nowhere;
    auto best = co_await peer.host().connect(*id, std::move(nowhere));
    if (best) peer.set_connection(*best);
  }
  co_return Fields(ordered_json{{"direct", direct}, {"relayed", relayed}, {"limited", limited}});
}

}  // namespace interop
