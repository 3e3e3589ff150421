#include "tests/sim/node.h"

#include "index/held_blocks.h"
#include "libp2p/host/host_impl.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "tests/sim/transport.h"

#include <algorithm>

namespace kvp2p::sim {

namespace {

/// Peers dialled for the model at once.
constexpr std::size_t kDialsMax = 4;
/// One that has enough dials another all the same, once in so many times: parts of a network that was divided would not
/// find each other else. And searches anew, now and then: that costs some twenty dials.
constexpr unsigned kLookRoundOneIn = 6;
constexpr unsigned kSearchOneIn = 60;
/// What peers of the node's model are worth to it, and those of them that it has its gossip from.
constexpr double kModelPeerValue = 10;
constexpr double kMeshPeerValue = 20;
/// For the ways in to be reached.
constexpr base::Duration kJoinPause = std::chrono::seconds(2);
/// From a question to its answer; a look-up that takes longer tries another.
constexpr base::Duration kConfirmTimeout = std::chrono::seconds(4);
/// Of an unbroken history: what comes later than this is of a later life.
constexpr std::uint64_t kFirstStartMs = 1'700'000'000'000;

multiformats::PrivateKey key_from(Random& random) {
  std::array<std::uint8_t, multiformats::kEd25519SeedBytes> seed{};
  for (std::uint8_t& byte : seed) byte = static_cast<std::uint8_t>(random());
  return multiformats::PrivateKey::from_ed25519_seed(seed);
}

std::uint64_t ms_of(base::TimePoint now) {
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
  return kFirstStartMs + static_cast<std::uint64_t>(since.count());
}

std::unique_ptr<libp2p::Host> make_host(Surroundings& around, NodeNumber number, const multiformats::PrivateKey& key) {
  World& world = around.world;
  parts.open_record = [&checked = around.signatures](base::ConstBytes record) { return checked.open_record(record); };
  libp2p::HostConfig config{.key = key};
  config.connections_max = SimNode::kConnectionsMax;
  config.record_seq = [&world] { return ms_of(world.now()); };
  libp2p::HostParts parts;
  parts.transports.push_back(std::make_unique<SimTransport>(around.network, number));
  parts.securities.push_back(std::make_unique<SimSecurity>(key.public_key()));
  libp2p::YamuxConfig yamux;
  yamux.keep_alive = config.keep_alive;
  parts.muxers.push_back(std::make_unique<libp2p::YamuxMuxer>(world.clock(), yamux));
  return std::make_unique<libp2p::HostImpl>(world.executor(), world.clock(), std::move(config), std::move(parts));
}

libp2p::kad::Config kad_config(Random& random) {
  libp2p::kad::Config config;
  config.mode = libp2p::kad::Mode::kServer;
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
                                                         libp2p::ConnectionManagerConfig{.marks = kMarks});
  kad_ = libp2p::kad::Kademlia::create(world.executor(), world.clock(), *host_, kad_config(random_)).value();
  gossipsub_ = libp2p::gossipsub::Gossipsub::create(world.executor(), world.clock(), *host_,
                                                    gossip_config(around_, key, random_))
                   .value();
  const auto everybody = [](const multiformats::PeerId&) { return true; };
  carrier_ = std::make_unique<GossipCarrier>(
      world.clock(), *host_, *gossipsub_,
      GossipCarrierConfig{
          .may_announce = everybody, .may_ask = everybody, .find_addresses = [this](multiformats::PeerId peer) {
            return find_addresses(std::move(peer));
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
  for (PeerEntry& peer : around_.ways_in()) {
    if (peer.id != id()) kad_->add_address(peer.id, std::move(peer.addresses));
  }
  base::spawn(around_.world.executor(), join(this));
  store_next();
}

base::Task<> SimNode::join(SimNode* self) {
  co_await base::sleep_for(self->around_.world.clock(), kJoinPause);
  if (self->closing_) co_return;
  // What cannot be told now is told later.
  base::Bytes key = libp2p::kad::provider_key(self->fingerprint_.bytes);
  (void)co_await self->kad_->provide(std::move(key));
  if (!self->closing_) self->upkeep();
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
  base::Bytes key = libp2p::kad::provider_key(fingerprint_of(model).bytes);
  auto found = co_await kad_->find_providers(std::move(key), kProvidersWanted);
  if (!found) co_return std::vector<PeerEntry>();
  co_return std::move(*found);
}

base::Task<std::vector<multiformats::Multiaddr>> SimNode::find_addresses(multiformats::PeerId peer) {
  auto found = co_await kad_->find_peer(std::move(peer));
  if (!found) co_return std::vector<multiformats::Multiaddr>();
  co_return std::move(found->addresses);
}

// Whom it knows.

void SimNode::upkeep() {
  World& world = around_.world;
  const bool are_few = gossipsub_->topic_peers(blocks_topic(fingerprint_)).size() < kModelPeersMin;
  if ((are_few || random_() % kSearchOneIn == 0) && !std::exchange(searching_, true)) {
    base::spawn(world.executor(), find_model_peers(this));
  } else if (random_() % kLookRoundOneIn == 0) {
    dial_found(1);
  }
  value_peers();
  const double part = 0.5 + world.chance();
  const auto pause = std::chrono::duration_cast<base::Duration>(kUpkeepPeriod * part);
  upkeep_timer_ = world.clock().call_at(world.now() + pause, [this] { upkeep(); });
}

base::Task<> SimNode::find_model_peers(SimNode* self) {
  auto found = co_await self->find_providers(self->model_);
  self->searching_ = false;
  if (self->closing_) co_return;
  self->found_ = std::move(found);
  self->dial_found(kDialsMax);
}

void SimNode::dial_found(std::size_t dials_max) {
  const auto known = host_->peers();
  const auto is_known = [&known](const PeerEntry& peer) { return std::ranges::find(known, peer.id) != known.end(); };
  std::vector<PeerEntry> peers = found_;
  std::erase_if(peers, is_known);
  // Where nobody is left: those that every part of a divided network may come back to.
  if (peers.empty()) peers = around_.ways_in();
  std::erase_if(peers, is_known);
  std::ranges::shuffle(peers, random_);
  if (peers.size() > dials_max) peers.resize(dials_max);
  for (PeerEntry& peer : peers) base::spawn(around_.world.executor(), dial(this, std::move(peer)));
}

base::Task<> SimNode::dial(SimNode* self, PeerEntry peer) {
  (void)co_await self->host_->connect(peer.id, std::move(peer.addresses));
}

void SimNode::value_peers() {
  libp2p::PeerValues& values = manager_->values();
  for (const auto& peer : std::exchange(valued_, {})) values.set_tag(peer, "model", 0);
  valued_ = gossipsub_->topic_peers(blocks_topic(fingerprint_));
  for (const auto& peer : valued_) values.set_tag(peer, "model", kModelPeerValue);
  for (const auto& peer : gossipsub_->mesh_peers(blocks_topic(fingerprint_))) {
    values.set_tag(peer, "model", kMeshPeerValue);
  }
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
  const auto kad = kad_->stats();
  accounts.table_peers = kad.table_peers;
  accounts.provider_records = kad.providers;
  return accounts;
}

base::Task<> SimNode::close() {
  closing_ = true;
  store_timer_.reset();
  upkeep_timer_.reset();
  manager_->stop();
  announcements_->stop();
  carrier_->stop();
  co_await gossipsub_->close();
  co_await host_->close();
  co_await kad_->close();
}

}  // namespace kvp2p::sim
