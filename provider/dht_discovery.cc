#include "provider/dht_discovery.h"

#include "base/log.h"
#include "base/signal.h"
#include "libp2p/host/is_connected.h"
#include "libp2p/host/task_group.h"
#include "provider/dht_prefixes.h"

#include <algorithm>
#include <set>

namespace kvp2p {

namespace {

/// Apart from all other things that are hashed.
constexpr std::string_view kModelDomain = "kv-cache-p2p DHT model 1\n";
constexpr std::string_view kPrefixDomain = "kv-cache-p2p DHT prefix 1\n";

base::Bytes dht_key(std::string_view domain, const base::Bytes& cluster_key, base::ConstBytes name) {
  base::Bytes bytes = base::to_bytes(base::as_bytes(domain));
  bytes.push_back(static_cast<std::uint8_t>(cluster_key.size()));
  base::append(bytes, cluster_key);
  base::append(bytes, name);
  return libp2p::kad::provider_key(bytes);
}

}  // namespace

base::Bytes dht_model_key(const base::Bytes& cluster_key, const Fingerprint& model) {
  return dht_key(kModelDomain, cluster_key, model.bytes);
}

base::Bytes dht_prefix_key(const base::Bytes& cluster_key, const BlockKey& first) {
  return dht_key(kPrefixDomain, cluster_key, first.bytes);
}

struct DhtDiscovery::State {
  State(const base::Executor& e, base::Clock& c, libp2p::Host& h)
      : executor(e), clock(c), host(h), tasks(e), stop_signal(e) {}
  base::Executor executor;
  base::Clock& clock;
  libp2p::Host& host;
  base::Bytes cluster_key;
  std::unique_ptr<libp2p::kad::Kademlia> kad;
  libp2p::TaskGroup tasks;
  base::Signal stop_signal;
  std::set<Fingerprint> models;
  DhtPrefixes prefixes{kDhtPrefixesMax, kDhtPrefixPause};
  std::size_t prefix_searches = 0;
  /// Those being dialled.
  std::set<multiformats::PeerId> dials;
  bool stopping = false;
};

base::Result<std::unique_ptr<DhtDiscovery>> DhtDiscovery::start(const base::Executor& executor, base::Clock& clock,
                                                                libp2p::Host& host, const DhtDiscoveryConfig& config) {
  auto state = std::make_shared<State>(executor, clock, host);
  state->cluster_key = config.cluster_key;
  libp2p::kad::Config kad;
  kad.mode = config.mode;
  kad.protocol = config.protocol;
  kad.params = config.params;
  kad.seed = config.seed;
  auto created = libp2p::kad::Kademlia::create(executor, clock, host, std::move(kad));
  if (!created) return created.error();
  state->kad = std::move(*created);
  for (const auto& address : config.bootstrap_peers) {
    // Any other is dialled by Bootstrap, and known once it has told who it is.
    if (address.peer_id()) (void)state->kad->add_address(address);
  }
  return std::unique_ptr<DhtDiscovery>(new DhtDiscovery(std::move(state)));
}

void DhtDiscovery::add_model(const Fingerprint& model) {
  if (state_->stopping || state_->models.size() >= kDhtModelsMax || !state_->models.insert(model).second) return;
  const base::Bytes key = dht_model_key(state_->cluster_key, model);
  state_->tasks.spawn(announce(state_, key));
  state_->tasks.spawn(search(state_, key));
}

void DhtDiscovery::prefix_asked(const BlockKey& first, PrefixAt at) {
  if (state_->stopping) return;
  // Kept for later: asked again, it is looked for.
  if (at == PrefixAt::kNowhere && state_->prefix_searches >= kDhtPrefixSearchesMax) at = PrefixAt::kAtPeers;
  const DhtPrefixes::Asked asked = state_->prefixes.asked(first, at, state_->clock.now());
  if (asked.withdrawn) state_->kad->stop_providing(dht_prefix_key(state_->cluster_key, *asked.withdrawn));
  if (asked.action == DhtPrefixes::Action::kNone) return;
  const base::Bytes key = dht_prefix_key(state_->cluster_key, first);
  const bool provides = asked.action == DhtPrefixes::Action::kProvide;
  state_->tasks.spawn(provides ? provide_prefix(state_, key) : search_prefix(state_, key));
}

void DhtDiscovery::block_stored(const BlockKey& key) {
  if (state_->stopping || state_->prefixes.stored(key) != DhtPrefixes::Action::kProvide) return;
  state_->tasks.spawn(provide_prefix(state_, dht_prefix_key(state_->cluster_key, key)));
}

void DhtDiscovery::block_dropped(const BlockKey& key) {
  if (state_->stopping || !state_->prefixes.dropped(key)) return;
  state_->kad->stop_providing(dht_prefix_key(state_->cluster_key, key));
}

base::Task<std::vector<multiformats::Multiaddr>> DhtDiscovery::find_addresses(multiformats::PeerId peer) {
  const auto state = state_;
  auto found = co_await state->kad->find_peer(peer);
  if (!found) co_return std::vector<multiformats::Multiaddr>();
  co_return std::move(found->addresses);
}

libp2p::kad::Kademlia& DhtDiscovery::kademlia() { return *state_->kad; }

void DhtDiscovery::stop() {
  state_->stopping = true;
  state_->stop_signal.notify_all();
}

base::Task<> DhtDiscovery::close() {
  const auto state = state_;
  stop();
  co_await state->kad->close();
  co_await state->tasks.wait_until_empty();
}

base::Task<> DhtDiscovery::announce(std::shared_ptr<State> state, base::Bytes key) {
  // From then on it is told anew by itself.
  for (base::Duration pause = kDhtSearchMin; !state->stopping; pause = std::min(2 * pause, kDhtSearchMax)) {
    const auto told = co_await state->kad->provide(key);
    if (told && *told > 0) co_return;
    co_await wait(state, pause);
  }
}

base::Task<> DhtDiscovery::search(std::shared_ptr<State> state, base::Bytes key) {
  for (base::Duration pause = kDhtSearchMin; !state->stopping; pause = std::min(2 * pause, kDhtSearchMax)) {
    auto found = co_await state->kad->find_providers(key, kDhtProvidersMax);
    if (state->stopping) co_return;
    if (found) meet(state, *found);
    co_await wait(state, pause);
  }
}

base::Task<> DhtDiscovery::search_prefix(std::shared_ptr<State> state, base::Bytes key) {
  ++state->prefix_searches;
  auto found = co_await state->kad->find_providers(std::move(key), kDhtPrefixProvidersMax);
  --state->prefix_searches;
  if (found && !state->stopping) meet(state, *found);
}

/// A failure for lack of peers is made good by Kademlia itself.
base::Task<> DhtDiscovery::provide_prefix(std::shared_ptr<State> state, base::Bytes key) {
  (void)co_await state->kad->provide(std::move(key));
}

void DhtDiscovery::meet(const std::shared_ptr<State>& state, const std::vector<libp2p::kad::PeerEntry>& providers) {
  for (const auto& peer : providers) {
    if (state->dials.size() >= kDhtDialsMax || state->dials.contains(peer.id)) continue;
    if (libp2p::is_connected(state->host, peer.id)) continue;
    state->dials.insert(peer.id);
    state->tasks.spawn(dial(state, peer));
  }
}

base::Task<> DhtDiscovery::dial(std::shared_ptr<State> state, libp2p::kad::PeerEntry peer) {
  const multiformats::PeerId id = peer.id;
  if (peer.addresses.empty()) {
    auto found = co_await state->kad->find_peer(id);
    if (found) peer = std::move(*found);
  }
  if (!state->stopping && !peer.addresses.empty()) {
    const auto connection = co_await state->host.connect(id, std::move(peer.addresses));
    if (connection) LOG_INFO("found peer {} by the DHT", id.to_text());
    if (!connection)
      LOG_DEBUG("found peer {} by the DHT, but cannot connect: {}", id.to_text(), connection.error().message());
  }
  state->dials.erase(id);
}

/// Returns early when stopped.
base::Task<> DhtDiscovery::wait(std::shared_ptr<State> state, base::Duration time) {
  bool due = false;
  State* const waiting = state.get();
  const auto timer = state->clock.call_at(state->clock.now() + time, [&due, waiting] {
    due = true;
    waiting->stop_signal.notify_all();
  });
  while (!due && !state->stopping) co_await state->stop_signal.wait();
}

}  // namespace kvp2p
