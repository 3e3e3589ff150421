#include "tests/sim/node.h"

#include "index/held_blocks.h"
#include "libp2p/host/host_impl.h"
#include "libp2p/host/is_connected.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "provider/peer_keeper.h"
#include "tests/sim/transport.h"

#include <algorithm>

namespace kvp2p::sim {

namespace {

/// What peers of the node's model are worth to it.
constexpr double kModelPeerValue = 10;
/// From a question to its answer; a look-up that takes longer tries another.
constexpr base::Duration kConfirmTimeout = std::chrono::seconds(4);
/// Of an unbroken history: what comes later than this is of a later life.
constexpr std::uint64_t kFirstStartMs = 1'700'000'000'000;

multiformats::PrivateKey key_from(Random& random) {
  std::array<std::uint8_t, multiformats::kEd25519SeedBytes> seed{};
  for (std::uint8_t& byte : seed) byte = static_cast<std::uint8_t>(random());
  return multiformats::PrivateKey::from_ed25519_seed(seed);
}

Chance chance_from(std::uint64_t seed) {
  return [source = Random(seed)]() mutable { return std::uniform_real_distribution<double>()(source); };
}

std::uint64_t ms_of(base::TimePoint now) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return kFirstStartMs + static_cast<std::uint64_t>(since.count());
}

std::unique_ptr<libp2p::Host> make_host(Surroundings& around, NodeNumber number, const multiformats::PrivateKey& key) {
  World& world = around.world;
  libp2p::HostConfig config{.key = key};
  config.connections_max = SimNode::kConnectionsMax;
  config.record_seq = [&world] { return ms_of(world.now()); };
  libp2p::HostParts parts;
  parts.transports.push_back(std::make_unique<SimTransport>(around.network, number));
  parts.securities.push_back(std::make_unique<SimSecurity>(key.public_key()));
  libp2p::YamuxConfig yamux;
  yamux.keep_alive = config.keep_alive;
  parts.open_record = [&checked = around.signatures](base::ConstBytes record) { return checked.open_record(record); };
  parts.muxers.push_back(std::make_unique<libp2p::YamuxMuxer>(world.clock(), yamux));
  return std::make_unique<libp2p::HostImpl>(world.executor(), world.clock(), std::move(config), std::move(parts));
}

DhtDiscoveryConfig dht_config(const Surroundings& around, Random& random) {
  DhtDiscoveryConfig config;
  config.mode = libp2p::kad::Mode::kServer;
  config.bootstrap_peers = around.ways_in();
  config.params.provider_ttl = SimNode::kProviderTtl;
  config.params.republish_interval = SimNode::kRepublishInterval;
  config.seed = random();
  return config;
}

libp2p::gossipsub::Config gossip_config(Surroundings& around, const multiformats::PrivateKey& key, Random& random) {
  libp2p::gossipsub::Config config{.key = key};
  config.seed = random();
  config.first_seqno = ms_of(around.world.now()) << 20;
  config.verify = [&checked = around.signatures](const auto& raw, const auto& from) {
    return checked.check(raw, from);
  };
  return config;
}

}  // namespace

SimNode::SimNode(Surroundings& surroundings, ModelNumber model)
    : around_(surroundings),
      model_(model),
      fingerprint_(fingerprint_of(model)),
      number_(around_.network.add_node()),
      born_(around_.world.now()),
      random_(around_.world.random()()) {
  World& world = around_.world;
  const auto key = key_from(random_);
  host_ = make_host(around_, number_, key);
  manager_ = std::make_unique<libp2p::ConnectionManager>(world.clock(), *host_,
                                                         libp2p::ConnectionManagerConfig{.marks = around_.marks});
  dht_ = DhtDiscovery::start(world.executor(), world.clock(), *host_, dht_config(around_, random_)).value();
  gossipsub_ = libp2p::gossipsub::Gossipsub::create(world.executor(), world.clock(), *host_,
                                                    gossip_config(around_, key, random_))
                   .value();
  bootstrap_ = std::make_unique<Bootstrap>(world.executor(), world.clock(), *host_, chance_from(random_()));
  host_->on_disconnected([this](const auto& connection) { on_disconnected(connection->remote_peer()); });
  const auto everybody = [](const multiformats::PeerId&) { return true; };
  carrier_ = std::make_unique<GossipCarrier>(
      world.clock(), *host_, *gossipsub_,
      GossipCarrierConfig{
          .may_announce = everybody, .may_ask = everybody, .find_addresses = [this](multiformats::PeerId peer) {
            return dht_->find_addresses(std::move(peer));
          }});
  AnnouncementsConfig config;
  config.incarnation = {ms_of(born_), random_()};
  config.seed = random_();
  announcements_ = std::make_unique<Announcements>(world.executor(), world.clock(), *carrier_, index_, config);
}

SimNode::~SimNode() = default;

void SimNode::start() {
  (void)host_->listen(Network::address_of(number_)).value();
  carrier_->attach(*announcements_);
  (void)carrier_->follow(fingerprint_).value();
  dht_->add_model(fingerprint_);
  store_next();
  value_peers();
}

// What it holds.

std::optional<base::TimePoint> SimNode::holds_since(PromptNumber prompt) const {
  const auto found = std::ranges::find(held_, prompt, &Held::prompt);
  return found == held_.end() ? std::nullopt : std::optional(found->since);
}

std::vector<PromptNumber> SimNode::prompts() const {
  std::vector<PromptNumber> prompts;
  for (const Held& held : held_) prompts.push_back(held.prompt);
  return prompts;
}

void SimNode::store_next() {
  World& world = around_.world;
  const PromptNumber prompt = pick_prompt(world);
  if (!holds_since(prompt)) {
    held_.push_back({prompt, world.now()});
    for (const BlockKey& key : blocks_of(model_, prompt)) announcements_->stored(fingerprint_, key);
  }
  if (held_.size() > kPromptsHeld) {
    for (const BlockKey& key : blocks_of(model_, held_.front().prompt)) announcements_->evicted(fingerprint_, key);
    held_.pop_front();
  }
  store_timer_ = world.clock().call_at(world.now() + world.wait_of(kStorePeriod), [this] { store_next(); });
}

// Who has what.

base::Task<SimNode::Answer> SimNode::look_up(PromptNumber prompt) {
  const base::TimePoint begin = around_.world.now();
  const auto keys = blocks_of(model_, prompt);
  Answer answer;
  for (const BlockIndex::Holder& holder : index_.holders(keys, 0, kAskedMax)) {
    if (closing_) break;
    ++answer.asked;
    answer.found = co_await confirm(holder.peer, keys.front());
    if (!closing_) index_.tested(holder.peer, 1, answer.found ? 1 : 0);
    if (answer.found) break;
  }
  answer.time = around_.world.now() - begin;
  co_return answer;
}

base::Task<bool> SimNode::confirm(multiformats::PeerId holder, BlockKey key) {
  const KeyPrefix prefix = prefix_of(key);
  const wire::PartsWanted wanted{wire::kPartBitsMax, {wire::part_of(prefix, wire::kPartBitsMax)}};
  base::Bytes question = wire::encode_announcement(wanted);
  const base::TimePoint deadline = around_.world.now() + kConfirmTimeout;
  auto answer = co_await carrier_->ask(holder, fingerprint_, std::move(question), deadline);
  if (!answer) co_return false;
  const auto decoded = wire::decode_announcement(*answer);
  if (!decoded) co_return false;
  const auto* const parts = std::get_if<wire::Parts>(&*decoded);
  co_return parts != nullptr&& std::ranges::find(parts->keys, prefix) != parts->keys.end();
}

base::Task<std::vector<PeerEntry>> SimNode::find_providers(ModelNumber model) {
  base::Bytes key = dht_model_key({}, fingerprint_of(model));
  auto found = co_await dht_->kademlia().find_providers(std::move(key), kProvidersWanted);
  if (!found) co_return std::vector<PeerEntry>();
  co_return std::move(*found);
}

base::Task<std::vector<multiformats::Multiaddr>> SimNode::find_addresses(multiformats::PeerId peer) {
  return dht_->find_addresses(std::move(peer));
}

// Whom it knows.

void SimNode::value_peers() {
  const base::TimePoint now = around_.world.now();
  libp2p::PeerValues& values = manager_->values();
  auto before = std::exchange(valued_, {});
  for (const auto& peer : gossipsub_->topic_peers(blocks_topic(fingerprint_))) {
    const auto known = before.extract(peer);
    Valued& valued = valued_.emplace(peer, known ? std::move(known.mapped()) : Valued{now}).first->second;
    if (!known) values.set_tag(peer, "model", kModelPeerValue);
    if (!valued.addresses.empty()) continue;
    if (const auto info = host_->peer_info(peer)) valued.addresses = info->listen_addresses;
  }
  for (const auto& [peer, valued] : before) values.set_tag(peer, "model", 0);
  value_timer_ = around_.world.clock().call_at(now + kValuePeriod, [this] { value_peers(); });
}

/// As PeerKeeper does with peers that it has a KV session with.
void SimNode::on_disconnected(const multiformats::PeerId& peer) {
  const auto valued = valued_.find(peer);
  if (closing_ || valued == valued_.end() || manager_->has_parted_with(peer)) return;
  if (libp2p::is_connected(*host_, peer) || around_.world.now() - valued->second.since < kWorthComingBack) return;
  bootstrap_->go_to(peer, [addresses = valued->second.addresses] { return addresses; });
}

Accounts SimNode::accounts() const {
  Accounts accounts;
  for (const auto& connection : host_->connections()) {
    ++accounts.connections;
    accounts.streams += connection->stream_count();
  }
  const auto gossip = gossipsub_->stats();
  accounts.index_pairs = index_.pairs();
  accounts.gossip_peers = gossip.peers;
  accounts.gossip_queued_bytes = gossip.queued_bytes;
  accounts.gossip_seen = gossip.seen;
  accounts.gossip_cached_bytes = gossip.cached_bytes;
  const auto kad = dht_->kademlia().stats();
  accounts.table_peers = kad.table_peers;
  accounts.provider_records = kad.providers;
  return accounts;
}

base::Task<> SimNode::close() {
  closing_ = true;
  store_timer_.reset();
  value_timer_.reset();
  manager_->stop();
  dht_->stop();
  bootstrap_->stop();
  announcements_->stop();
  carrier_->stop();
  co_await gossipsub_->close();
  co_await host_->close();
  co_await dht_->close();
  while (bootstrap_->running() > 0) co_await base::sleep_for(around_.world.clock(), std::chrono::milliseconds(10));
}

}  // namespace kvp2p::sim
