#include "exchange/session.h"

#include "base/log.h"
#include "exchange/access_control.h"
#include "exchange/announcer.h"
#include "exchange/dispatcher.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "wire/limits.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace kvp2p {

Session::Session(std::shared_ptr<NodeContext> context, SessionOwner& owner,
                 std::shared_ptr<libp2p::Connection> connection, std::unique_ptr<libp2p::Stream> control)
    : context_(std::move(context)),
      owner_(owner),
      connection_(std::move(connection)),
      control_(std::move(control)),
      writer_(context_->executor),
      mailboxes_(context_->executor),
      lanes_(context_, *this),
      fetches_(context_, *this, lanes_),
      gets_(context_, *this),
      puts_(context_, *this),
      lookup_tokens_(kLookupKeysPerSecond, context_->clock.now()),
      announced_tokens_(kAnnouncedKeysMax, context_->clock.now()),
      flood_tokens_(kFloodKeysPerSecond, context_->clock.now()),
      asked_tokens_(kAskedKeysPerSecond, context_->clock.now()) {
  // At once no more than the queue of what is sent has room for.
  asked_tokens_.set_rate(kAskedKeysPerSecond, kAskedKeysPerSecond / 4);
}

Session::~Session() = default;

base::Task<bool> Session::run(std::optional<wire::Hello> theirs) {
  auto self = shared_from_this();
  auto outcome = co_await hello(std::move(theirs));
  if (!outcome) {
    if (context_->log_once.first(peer(), outcome.error().message())) {
      LOG_INFO("peer {}: no hello: {}", peer().short_text(), outcome.error().message());
    }
    end(outcome.error());
  } else if (!ended_) {
    HelloOutcome known = std::move(*outcome);
    on_hello(std::move(known));
    spawn_counted(context_, write_loop(), self);
    co_await read_loop();
    end(ExchangeError::kPeerGone);
  }
  owner_.on_session_ended(self);
  co_return up_;
}

base::Task<base::Result<HelloOutcome>> Session::hello(std::optional<wire::Hello> theirs) {
  libp2p::ScopedDeadline deadline(context_->clock, context_->clock.now() + kHelloTimeout,
                                  [this] { control_->reset(); });
  const ExchangeConfig& config = context_->config;
  HelloParameters parameters;
  parameters.local_peer = context_->host.peer_id();
  parameters.remote_peer = peer();
  parameters.cluster_key = config.cluster_key;
  parameters.trusted = config.open || std::find(config.trusted_peers.begin(), config.trusted_peers.end(), peer()) !=
                                          config.trusted_peers.end();
  parameters.access = config.access.get();
  parameters.hello.versions = {wire::kVersion};
  parameters.hello.capabilities =
      wire::kCanServe | wire::kCanTakePuts | wire::kAnnounces | wire::kCounts | wire::kJoinsLayers;
  if (config.direct_server != nullptr) parameters.hello.capabilities |= wire::kDirect;
  if (config.pack.packs()) parameters.hello.capabilities |= wire::kPacks;
  parameters.hello.epoch = context_->epoch;
  parameters.hello.limits = {wire::kKeysMax, kGetsServedMax, context_->staging->slot_bytes(),
                             config.bytes_in_flight_max};
  parameters.hello.gossip = config.gossip_tag;
  parameters.hello.agent = "kv-cache-p2p/0.1.0";
  if (theirs) {
    wire::Hello first = std::move(*theirs);
    co_return co_await accept_hello(*control_, parameters, std::move(first));
  }
  co_return co_await open_hello(*control_, parameters);
}

void Session::on_hello(HelloOutcome outcome) {
  said_hello_ = true;
  theirs_ = std::move(outcome.theirs);
  peer_authorised_ = outcome.peer_authorised;
  peer_holds_key_ = outcome.peer_holds_key;
  session_for_peer_ = outcome.session_for_peer;
  session_from_peer_ = outcome.session_from_peer;
  up_ = outcome.peer_authorised && outcome.we_are_authorised;
  if (up_) {
    if (!hears_gossip()) announce_all();
    lanes_.open_first();
    owner_.on_session_up(shared_from_this());
  } else if (context_->log_once.first(peer(), outcome.reason)) {
    LOG_WARN("peer {} {}: {}", peer().to_text(), outcome.peer_authorised ? "refuses this node" : "is refused",
             printable(outcome.reason));
  }
}

void Session::announce_all() {
  std::vector<LocalBlocks::Held> held = context_->local.snapshot(kSnapshotKeysMax);
  std::erase_if(held, [this](const auto& each) { return !may(Right::kRead, each.fingerprint); });
  for (auto& message : snapshot_announcements(std::move(held))) announce(std::move(message));
}

bool Session::hears_gossip() const {
  const auto& ours = context_->config.gossip_tag;
  return ours && theirs_.gossip == ours;
}

bool Session::may(Right right, const Fingerprint& space) const {
  const AccessControl* access = context_->config.access.get();
  return access == nullptr || access->may(peer(), peer_holds_key_, right, space);
}

bool Session::may_everywhere(Right right) const {
  const AccessControl* access = context_->config.access.get();
  return access == nullptr || access->may_everywhere(peer(), peer_holds_key_, right);
}

base::Task<> Session::write_loop() {
  co_await writer_.run(*control_);
  if (!ended_) end(ExchangeError::kPeerGone);
}

base::Task<> Session::read_loop() {
  while (!ended_) {
    auto message = co_await read_message();
    if (!message || ended_) co_return;
    const auto envelope = wire::decode_envelope(*message);
    if (!envelope) co_return end_broken();
    if (is_over_budget(*envelope)) {
      Dispatcher(*this, envelope->id).turn_away(envelope->number);
      continue;
    }
    // Meanwhile nothing more is read of it.
    if (is_unasked(envelope->number) && is_stranger()) {
      co_await wait_for_turn(context_->stranger_turns, 1 + message->size() / kStrangerBytesPerTurn);
      if (ended_) co_return;
    }
    if (!handle(*envelope)) co_return end_broken();
  }
}

void Session::end_broken() {
  if (context_->log_once.first(peer(), "broken")) {
    LOG_WARN("peer {} broke the KV protocol; its control stream is reset", peer().short_text());
  }
  end(ExchangeError::kProtocolBroken);
}

base::Task<base::Result<base::Bytes>> Session::read_message() {
  if (!writer_.has_room()) {
    // The peer asks and does not read the answers. Both sides waiting for each other like this is ended by the time.
    libp2p::ScopedDeadline deadline(context_->clock, context_->clock.now() + kWriteStallMax,
                                    [this] { end(ExchangeError::kPeerGone); });
    co_await writer_.wait_for_room();
  }
  co_return co_await libp2p::read_length_prefixed(*control_, wire::kControlMessageBytesMax);
}

bool Session::handle(const wire::Envelope& envelope) {
  auto body = wire::decode_body(envelope);
  if (!body) return on_bad_body(envelope, body.error());
  Dispatcher dispatcher(*this, envelope.id);
  return dispatcher.dispatch(std::move(*body));
}

bool Session::on_bad_body(const wire::Envelope& envelope, base::Error error) {
  if (++bad_messages_ > kBadMessagesMax) return false;
  Dispatcher(*this, envelope.id).refuse_bad(envelope.number, error);
  return true;
}

void Session::end(base::Error why) {
  if (ended_) return;
  auto self = shared_from_this();
  ended_ = true;
  drop_news();
  writer_.stop();
  control_->reset();
  gets_.end_all();
  puts_.end_all();
  for (auto& stream : own_streams_) stream->reset();
  lanes_.end_all();
  idle_streams_.clear();
  mailboxes_.fail_all(why);
  fetches_.end_all(why);
}

void Session::send(std::uint64_t id, wire::Body body) {
  if (ended_) return;
  wire::Message message;
  message.id = id;
  message.body = std::move(body);
  if (!writer_.push(wire::encode_framed(message))) end(ExchangeError::kPeerGone);
}

bool Session::is_opened_by(const multiformats::PeerId& id, const wire::SessionId& session) const {
  return !ended_ && peer_authorised_ && id == peer() &&
         CRYPTO_memcmp(session.data(), session_for_peer_.data(), session.size()) == 0;
}

KvPeer Session::describe() const {
  KvPeer known;
  known.id = peer();
  known.epoch = theirs_.epoch;
  known.bytes_per_second = static_cast<std::uint64_t>(lanes_.rate());
  known.round_trip = round_trip();
  known.payload_bytes = fetches_.bytes_received() + gets_.bytes_sent();
  return known;
}

wire::StreamOpen Session::next_stream_open() {
  wire::StreamOpen open;
  open.session = session_from_peer_;
  open.number = ++last_stream_;
  return open;
}

base::Task<base::Result<std::shared_ptr<Lane>>> Session::acquire_stream() {
  auto self = shared_from_this();
  while (!idle_streams_.empty()) {
    auto idle = std::move(idle_streams_.back());
    idle_streams_.pop_back();
    if (!idle->is_dead()) co_return idle;
  }
  if (ended_) co_return ExchangeError::kPeerGone;
  if (own_streams_.size() >= kDataStreamsMax) co_return ExchangeError::kTooManyRequests;
  auto opened = co_await open_stream(context_, connection_);
  if (!opened) co_return opened.error();
  if (ended_) co_return ExchangeError::kPeerGone;
  const wire::StreamOpen open = next_stream_open();
  Lane::Parts parts{std::move(*opened), context_->executor, open.number, false, connection_, {}};
  auto stream = Lane::create(context_->executor, std::move(parts));
  own_streams_.push_back(stream);
  wire::Message first;
  first.body = open;
  const base::Bytes framed = wire::encode_framed(first);
  spawn_counted(context_, watch_stream(stream), self);
  auto written = co_await stream->stream().write(framed);
  if (!written) {
    stream->reset();
    co_return written.error();
  }
  co_return stream;
}

base::Task<> Session::watch_stream(std::shared_ptr<Lane> stream) {
  auto self = shared_from_this();
  co_await receive_frames(stream, fetches_.frames());
  std::erase(own_streams_, stream);
  std::erase(idle_streams_, stream);
}

void Session::release_stream(std::shared_ptr<Lane> stream) {
  if (!stream || stream->is_dead()) return;
  if (ended_ || idle_streams_.size() >= kIdleStreamsMax) return stream->reset();
  idle_streams_.push_back(std::move(stream));
}

base::Task<> Session::serve_data_stream(std::shared_ptr<libp2p::Connection> connection,
                                        std::unique_ptr<libp2p::Stream> opened, std::uint32_t number) {
  auto self = shared_from_this();
  if (ended_ || peer_streams_ >= kDataStreamsMax || gets_.has_lane(number)) {
    opened->reset();
    co_return;
  }
  ++peer_streams_;
  Lane::Parts parts{std::move(opened), context_->executor, number, false, std::move(connection), {}};
  auto lane = Lane::create(context_->executor, std::move(parts));
  gets_.add_lane(lane);
  co_await receive_frames(lane, puts_);
  gets_.remove_lane(number);
  --peer_streams_;
}

void Session::serve_data_connection(libp2p::DataConnection connection, std::uint32_t number) {
  if (ended_ || peer_data_connections_ >= kInboundLanesMax || context_->inbound_lanes >= kInboundLanesInAllMax ||
      gets_.has_lane(number)) {
    return connection.stream->reset();
  }
  ++peer_data_connections_;
  ++context_->inbound_lanes;
  auto lane = Lane::create(context_->executor, lane_parts(*context_, std::move(connection), number));
  gets_.add_lane(lane);
  spawn_counted_on<LaneEnd>(context_, lane->executor(), receive_frames(lane, puts_),
                            [this, number, self = shared_from_this()](LaneEnd) {
                              gets_.remove_lane(number);
                              --peer_data_connections_;
                              --context_->inbound_lanes;
                            });
}

}  // namespace kvp2p
