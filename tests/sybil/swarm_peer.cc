#include "tests/sybil/swarm_peer.h"

#include "exchange/handshake.h"
#include "wire/codec.h"
#include "wire/limits.h"

namespace kvp2p::sybil {

namespace {

using namespace std::chrono_literals;

constexpr base::Duration kTurn = 100ms;
constexpr base::Duration kFloodTurn = 10ms;
// Never the same twice: of peers that come in step, a node that paces them would admit the same ones each time.
constexpr base::Duration kRedialPauseMin = 1s;
constexpr base::Duration kRedialPauseMax = 3s;
/// Announced and looked up each turn.
constexpr std::size_t kFloodKeys = 4096;
constexpr std::size_t kStagingSlots = 4;
constexpr std::size_t kStagingSlotBytes = 64u << 10;

BlockKey random_key(std::mt19937_64& random) {
  BlockKey key;
  for (std::size_t i = 0; i < 32; i += 8) base::store_le64(&key.bytes[i], random());
  return key;
}

}  // namespace

SwarmPeer::SwarmPeer(Swarm& swarm, std::uint64_t number)
    : swarm_(swarm), number_(number), random_(number), blocks_(swarm.wares_, swarm.config_.character, swarm.reads_) {
  become_somebody();
}

void SwarmPeer::become_somebody() {
  auto& io = swarm_.io_;
  libp2p::HostConfig host{.key = key_of(swarm_.config_.character, number_)};
  host_ = libp2p::Host::create(io.get_executor(), swarm_.clock_, std::move(host));
  host_->on_disconnected([this](const auto&) {
    if (!swarm_.stopping_) ++swarm_.cut_off_;
  });
  if (floods()) return;
  std::shared_ptr<std::uint8_t[]> memory(new std::uint8_t[kStagingSlots * kStagingSlotBytes]);
  auto staging = StagingPool::create(std::move(memory), kStagingSlotBytes, kStagingSlots);
  ExchangeConfig config;
  config.cluster_key = swarm_.config_.cluster_key;
  config.frame_bytes_max = kStagingSlotBytes;
  exchange_ = Exchange::create(io.get_executor(), swarm_.clock_, *host_, std::move(staging), blocks_, index_,
                               std::move(config));
}

base::Task<> SwarmPeer::connect() {
  auto connection = co_await host_->connect(swarm_.node_);
  if (connection && floods()) base::spawn(swarm_.io_.get_executor(), flood(*connection));
}

base::Task<> SwarmPeer::stay() {
  ++swarm_.running_;
  base::TimePoint redial = next_redial();
  while (!swarm_.stopping_) {
    look_whether_inside();
    if (!swarm_.paused_ && host_->connections().empty() && swarm_.clock_.now() >= redial) {
      co_await come_back();
      redial = next_redial();
    }
    co_await base::sleep_for(swarm_.clock_, kTurn);
  }
  --swarm_.running_;
}

base::TimePoint SwarmPeer::next_redial() {
  std::uniform_int_distribution<base::Duration::rep> pause(kRedialPauseMin.count(), kRedialPauseMax.count());
  return swarm_.clock_.now() + base::Duration(pause(random_));
}

base::Task<> SwarmPeer::come_back() {
  if (swarm_.config_.new_identities) {
    co_await close();
    number_ += swarm_.config_.peers;
    become_somebody();
  }
  co_await connect();
}

base::Task<> SwarmPeer::close() {
  if (exchange_) co_await exchange_->close();
  co_await host_->close();
  while (flooding_ > 0) co_await base::sleep_for(swarm_.clock_, kFloodTurn);
  exchange_.reset();
  host_.reset();
}

void SwarmPeer::look_whether_inside() {
  const bool is_inside = exchange_ ? !exchange_->peers().empty() : is_flooding_;
  if (is_inside && !std::exchange(has_come_, true)) ++swarm_.came_;
  if (is_inside == std::exchange(is_inside_, is_inside)) return;
  is_inside ? ++swarm_.inside_ : --swarm_.inside_;
}

// By hand, and cheaply: of an exchange's announcements and look-ups each is worth its while.
base::Task<> SwarmPeer::flood(std::shared_ptr<libp2p::Connection> connection) {
  ++flooding_;
  std::vector<std::string> protocols = {std::string(wire::kProtocolId)};
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (opened) {
    std::shared_ptr<libp2p::Stream> stream = std::move(opened->stream);
    const bool is_in = co_await say_hello(*stream, connection->remote_peer());
    if (is_in) base::spawn(swarm_.io_.get_executor(), drain(stream));
    is_flooding_ = is_in;
    while (is_flooding_ && !swarm_.stopping_) {
      if (!swarm_.paused_) is_flooding_ = co_await send_flood(*stream);
      co_await base::sleep_for(swarm_.clock_, kFloodTurn);
    }
    stream->reset();
  }
  is_flooding_ = false;
  --flooding_;
}

base::Task<bool> SwarmPeer::say_hello(libp2p::Stream& stream, multiformats::PeerId node) {
  HelloParameters parameters;
  parameters.local_peer = host_->peer_id();
  parameters.remote_peer = std::move(node);
  parameters.cluster_key = swarm_.config_.cluster_key;
  parameters.hello.versions = {wire::kVersion};
  parameters.hello.capabilities = wire::kAnnounces;
  parameters.hello.epoch = 1;
  parameters.hello.limits = {wire::kKeysMax, 1, kStagingSlotBytes, kStagingSlotBytes};
  parameters.hello.agent = "flooder";
  const auto hello = co_await open_hello(stream, parameters);
  co_return hello && hello->we_are_authorised;
}

base::Task<bool> SwarmPeer::send_flood(libp2p::Stream& stream) {
  wire::Announce news;
  news.sequence = ++sequence_;
  news.fingerprint = fingerprint_of(swarm_.wares_.model);
  news.format = swarm_.wares_.format;
  for (std::size_t i = 0; i < kFloodKeys; ++i) news.stored.push_back(random_key(random_));
  wire::Lookup question;
  question.fingerprint = news.fingerprint;
  question.model_fields = swarm_.wares_.model;
  question.format = swarm_.wares_.format;
  question.keys = news.stored;
  base::Bytes bytes = wire::encode_framed({0, std::move(news)});
  base::append(bytes, wire::encode_framed({sequence_, std::move(question)}));
  const auto written = co_await stream.write(bytes);
  co_return written.has_value();
}

base::Task<> SwarmPeer::drain(std::shared_ptr<libp2p::Stream> stream) {
  ++flooding_;
  base::Bytes into(64u << 10);
  for (;;) {
    const auto read = co_await stream->read_some(into);
    if (!read || *read == 0) break;
  }
  is_flooding_ = false;
  --flooding_;
}

}  // namespace kvp2p::sybil
