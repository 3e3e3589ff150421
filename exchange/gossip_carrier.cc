#include "exchange/gossip_carrier.h"

#include "base/log.h"
#include "exchange/cluster_auth.h"
#include "exchange/exchange_error.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/host/is_connected.h"

#include <unordered_map>

namespace kvp2p {

namespace {

/// Of 256 parts at five bytes each, and what is around them.
constexpr std::size_t kQuestionBytesMax = 2048;
/// Of one question, from the stream's beginning to the answer's end.
constexpr base::Duration kAnswerTime = std::chrono::seconds(10);
/// Questions of all peers that are being read or answered.
constexpr std::size_t kQuestionsMax = 64;

libp2p::gossipsub::Validation validation_of(GossipVerdict verdict) {
  using libp2p::gossipsub::Validation;
  switch (verdict) {
    case GossipVerdict::kAccept:
      return Validation::kAccept;
    case GossipVerdict::kReject:
      return Validation::kReject;
    case GossipVerdict::kIgnore:
      break;
  }
  return Validation::kIgnore;
}

}  // namespace

struct GossipCarrier::State {
  base::Clock& clock;
  libp2p::Host& host;
  libp2p::gossipsub::Gossipsub& gossipsub;
  const GossipCarrierConfig config;
  Announcements* announcements = nullptr;  // null: stopped, or not attached yet
  std::unordered_map<Fingerprint, libp2p::gossipsub::Subscription> followed = {};
  std::size_t questions = 0;

  bool may_announce(const multiformats::PeerId& author, const Fingerprint& model) const {
    return config.may_announce(author) && (!config.may_announce_about || config.may_announce_about(author, model));
  }

  std::string topic_of(const Fingerprint& model) const {
    return blocks_topic(gossip_topic_name(config.cluster_key, model));
  }
  /// What has been announced; none: nobody with the key has.
  std::optional<base::ConstBytes> proven(const libp2p::gossipsub::Message& message, const Fingerprint& model) const;

  static base::Task<libp2p::gossipsub::Validation> validate(std::shared_ptr<State> self, Fingerprint model,
                                                            libp2p::gossipsub::MessagePtr message);
  static base::Task<> serve(std::shared_ptr<State> self, multiformats::PeerId asker,
                            std::unique_ptr<libp2p::Stream> stream);
  static base::Task<base::Result<base::Bytes>> ask(std::shared_ptr<State> self, multiformats::PeerId holder,
                                                   Fingerprint model, base::Bytes question, base::TimePoint deadline);
  static base::Task<base::Result<base::Bytes>> ask_once(std::shared_ptr<State> self, multiformats::PeerId holder,
                                                        Fingerprint model, base::Bytes question,
                                                        base::TimePoint deadline);
};

std::optional<base::ConstBytes> GossipCarrier::State::proven(const libp2p::gossipsub::Message& message,
                                                             const Fingerprint& model) const {
  const base::ConstBytes data = message.data;
  if (config.cluster_key.empty()) return data;
  if (data.size() < sizeof(wire::Mac)) return std::nullopt;
  const base::ConstBytes payload = data.first(data.size() - sizeof(wire::Mac));
  if (!announcement_proof_fits(config.cluster_key, message.from, model, payload, data.last(sizeof(wire::Mac)))) {
    return std::nullopt;
  }
  return payload;
}

base::Task<libp2p::gossipsub::Validation> GossipCarrier::State::validate(std::shared_ptr<State> self, Fingerprint model,
                                                                         libp2p::gossipsub::MessagePtr message) {
  // What comes of gossip is applied here and not by a handler: whether it is passed on depends on what it says.
  if (self->announcements == nullptr || !self->may_announce(message->from, model)) {
    co_return libp2p::gossipsub::Validation::kIgnore;
  }
  const auto payload = self->proven(*message, model);
  if (!payload) co_return libp2p::gossipsub::Validation::kReject;
  co_return validation_of(self->announcements->on_payload(message->from, model, *payload));
}

base::Task<> GossipCarrier::State::serve(std::shared_ptr<State> self, multiformats::PeerId asker,
                                         std::unique_ptr<libp2p::Stream> stream) {
  if (self->questions >= kQuestionsMax || !self->config.may_ask(asker)) co_return stream->reset();
  ++self->questions;
  libp2p::ScopedDeadline deadline(self->clock, self->clock.now() + kAnswerTime, [raw = stream.get()] { raw->reset(); });
  Fingerprint model;
  auto read = co_await libp2p::read_exact(*stream, model.bytes);
  base::Result<base::Bytes> question = read ? base::Result<base::Bytes>(base::Bytes()) : read.error();
  const bool may_ask = !self->config.may_ask_about || self->config.may_ask_about(asker, model);
  if (read && !may_ask) question = ExchangeError::kNotAuthorised;
  if (read && may_ask) question = co_await libp2p::read_length_prefixed(*stream, kQuestionBytesMax);
  if (question && self->announcements != nullptr) {
    auto answer = self->announcements->on_question(asker, model, *question);
    if (answer) (void)co_await libp2p::write_length_prefixed(*stream, *answer);
    (void)co_await stream->close_write();
    // Its end may still be on the way: a stream that goes before both have closed is reset, and the answer lost that
    // has not been read yet.
    std::uint8_t more = 0;
    if (auto count = co_await stream->read_some(base::MutableBytes(&more, 1)); count && *count > 0) stream->reset();
  } else {
    stream->reset();
  }
  --self->questions;
}

base::Task<base::Result<base::Bytes>> GossipCarrier::State::ask(std::shared_ptr<State> self,
                                                                multiformats::PeerId holder, Fingerprint model,
                                                                base::Bytes question, base::TimePoint deadline) {
  const bool was_connected = libp2p::is_connected(self->host, holder);
  auto answer = co_await ask_once(self, holder, model, question, deadline);
  // The holder may have parted with us as we asked, having too many connections.
  const bool has_gone = was_connected && !libp2p::is_connected(self->host, holder);
  if (answer || !has_gone || self->clock.now() >= deadline) co_return answer;
  co_return co_await ask_once(self, std::move(holder), model, std::move(question), deadline);
}

base::Task<base::Result<base::Bytes>> GossipCarrier::State::ask_once(std::shared_ptr<State> self,
                                                                     multiformats::PeerId holder, Fingerprint model,
                                                                     base::Bytes question, base::TimePoint deadline) {
  std::vector<multiformats::Multiaddr> addresses;
  if (self->config.addresses_of) addresses = self->config.addresses_of(holder);
  if (addresses.empty() && self->config.find_addresses && !libp2p::is_connected(self->host, holder)) {
    base::Task<std::vector<multiformats::Multiaddr>> found = self->config.find_addresses(holder);
    addresses = co_await std::move(found);
  }
  const base::Duration left = deadline - self->clock.now();
  if (left <= base::Duration::zero()) co_return libp2p::Error::kTimeout;
  libp2p::ConnectOptions options;
  options.timeout = left;
  auto connection = co_await self->host.connect(holder, std::move(addresses), options);
  if (!connection) co_return connection.error();
  std::vector<std::string> protocols = {std::string(kMissedBlocksProtocol)};
  auto opened = co_await (*connection)->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  libp2p::Stream& stream = *opened->stream;
  libp2p::ScopedDeadline expires(self->clock, deadline, [&stream] { stream.reset(); });
  auto written = co_await stream.write(model.bytes);
  if (written) written = co_await libp2p::write_length_prefixed(stream, question);
  if (written) written = co_await stream.close_write();
  if (!written) co_return written.error();
  co_return co_await libp2p::read_length_prefixed(stream, wire::kAnnouncementBytesMax);
}

GossipCarrier::GossipCarrier(base::Clock& clock, libp2p::Host& host, libp2p::gossipsub::Gossipsub& gossipsub,
                             GossipCarrierConfig config)
    : state_(std::make_shared<State>(State{clock, host, gossipsub, std::move(config)})) {}

GossipCarrier::~GossipCarrier() { stop(); }

void GossipCarrier::attach(Announcements& announcements) {
  state_->announcements = &announcements;
  const auto handler = [weak = std::weak_ptr(state_)](std::shared_ptr<libp2p::Connection> connection,
                                                      std::unique_ptr<libp2p::Stream> stream) -> base::Task<> {
    auto self = weak.lock();
    if (!self) return base::yield_now();  // the stream is reset as it goes
    return State::serve(std::move(self), connection->remote_peer(), std::move(stream));
  };
  state_->host.set_stream_handler(std::string(kMissedBlocksProtocol), handler);
}

base::Result<> GossipCarrier::follow(const Fingerprint& model) {
  if (state_->followed.contains(model)) return {};
  const auto validator = [weak = std::weak_ptr(state_), model](const multiformats::PeerId&,
                                                               libp2p::gossipsub::MessagePtr message) {
    auto self = weak.lock();
    // The subscription ends with the state.
    assert(self);
    return State::validate(std::move(self), model, std::move(message));
  };
  const auto handler = [](const multiformats::PeerId&, const libp2p::gossipsub::MessagePtr&) {};
  auto subscription = state_->gossipsub.subscribe(state_->topic_of(model), validator, handler);
  if (!subscription) return subscription.error();
  state_->followed.emplace(model, std::move(*subscription));
  return {};
}

void GossipCarrier::unfollow(const Fingerprint& model) { state_->followed.erase(model); }

void GossipCarrier::stop() {
  if (std::exchange(state_->announcements, nullptr) != nullptr) {
    state_->host.remove_stream_handler(std::string(kMissedBlocksProtocol));
  }
  state_->followed.clear();
}

void GossipCarrier::publish(const Fingerprint& model, base::Bytes payload) {
  if (const auto& key = state_->config.cluster_key; !key.empty()) {
    base::append(payload, announcement_proof(key, state_->host.peer_id(), model, payload));
  }
  auto published = state_->gossipsub.publish(state_->topic_of(model), payload);
  if (!published) LOG_DEBUG("announcement not published: {}", published.error().message());
}

base::Task<base::Result<base::Bytes>> GossipCarrier::ask(multiformats::PeerId holder, Fingerprint model,
                                                         base::Bytes question, base::TimePoint deadline) {
  return State::ask(state_, std::move(holder), model, std::move(question), deadline);
}

}  // namespace kvp2p
