#include "provider/reachability.h"

#include "base/log.h"
#include "base/random_seed.h"

#include <algorithm>

namespace kvp2p {

using multiformats::Multiaddr;

namespace {

/// A host that only dials, under a name of its own: what it connects to is not to be taken for a peer of this node.
std::unique_ptr<libp2p::Host> dial_back_host(const base::Executor& executor, base::Clock& clock,
                                             const libp2p::HostConfig& own) {
  libp2p::HostConfig config = own;
  config.key = multiformats::PrivateKey::generate();
  config.external_addresses.clear();
  config.data_protocol.clear();
  config.serve_perf = false;
  return libp2p::Host::create(executor, clock, std::move(config));
}

}  // namespace

Reachability::Reachability(base::Clock& clock, libp2p::Host& host)
    : host_(host), observer_(clock, host, libp2p::kObserversMin, [this] { announce_observed(); }) {}

base::Result<std::unique_ptr<Reachability>> Reachability::create(const base::Executor& executor, base::Clock& clock,
                                                                 libp2p::Host& host, const libp2p::HostConfig& own,
                                                                 const ReachabilityConfig& config) {
  std::unique_ptr<Reachability> made(new Reachability(clock, host));
  Reachability* const self = made.get();
  // Always: peers may have addresses at relays.
  libp2p::relay::ClientConfig client;
  client.seed = base::random_seed();
  made->relays_ = libp2p::relay::Client::create(executor, clock, host, std::move(client));
  if (config.relay_server) {
    libp2p::relay::ServerConfig server{.key = own.key};
    server.limits = config.relay_limits;
    server.serves = config.relay_serves;
    auto relay = libp2p::relay::Server::create(executor, clock, host, std::move(server));
    if (!relay) return relay.error();
    made->relay_server_ = std::move(*relay);
  }
  if (config.hole_punching) {
    libp2p::dcutr::HolePuncherConfig punch;
    punch.own_addresses = [self] { return self->observer_.candidates(); };
    made->puncher_ = libp2p::dcutr::HolePuncher::create(executor, clock, host, std::move(punch));
  }
  if (config.autonat) {
    libp2p::autonat::ClientConfig ask;
    ask.addresses = [self, external = own.external_addresses] {
      std::vector<Multiaddr> addresses = external;
      std::ranges::copy(self->observer_.candidates(), std::back_inserter(addresses));
      return addresses;
    };
    ask.changed = [self] { self->announce_observed(); };
    ask.seed = base::random_seed();
    made->autonat_ = libp2p::autonat::Client::create(executor, clock, host, std::move(ask));
  }
  if (config.autonat_server) {
    libp2p::autonat::ServerConfig server;
    server.seed = base::random_seed();
    made->autonat_server_ =
        libp2p::autonat::Server::create(executor, clock, host, dial_back_host(executor, clock, own), std::move(server));
  }
  return made;
}

base::Result<> Reachability::start(const std::vector<Multiaddr>& relays) {
  static const Multiaddr circuit = Multiaddr::from_text("/p2p-circuit").value();
  for (const Multiaddr& relay : relays) {
    auto address = relay.has(multiformats::AddrProtocol::kP2pCircuit) ? relay : relay.encapsulate(circuit);
    if (!address) return address.error();
    if (auto listening = host_.listen(*address); !listening) {
      LOG_ERROR("cannot be reached through the relay {}: {}", relay.to_text(), listening.error().message());
      return listening.error();
    }
  }
  return {};
}

void Reachability::announce_observed() {
  using libp2p::autonat::Verdict;
  std::vector<Multiaddr> announced;
  const auto verdict = [this](const Multiaddr& address) {
    return autonat_ ? autonat_->verdict(address) : Verdict::kUnknown;
  };
  for (const Multiaddr& each : observer_.confirmed()) {
    if (verdict(each) != Verdict::kUnreachable) announced.push_back(each);
  }
  for (const Multiaddr& each : observer_.candidates()) {
    const bool is_new = std::ranges::find(announced, each) == announced.end();
    if (is_new && verdict(each) == Verdict::kReachable) announced.push_back(each);
  }
  host_.announce("observed", std::move(announced));
}

base::Task<> Reachability::close() {
  if (puncher_) co_await puncher_->close();
  if (autonat_) co_await autonat_->close();
  if (autonat_server_) co_await autonat_server_->close();
  co_await relays_->close();
  if (relay_server_) co_await relay_server_->close();
}

}  // namespace kvp2p
