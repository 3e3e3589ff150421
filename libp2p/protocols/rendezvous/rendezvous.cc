#include "libp2p/protocols/rendezvous/rendezvous.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/message_reader.h"
#include "libp2p/core/scoped_deadline.h"

namespace libp2p::rendezvous {

using multiformats::PeerId;

namespace {

std::uint64_t random_instance() {
  std::array<std::uint8_t, 8> bytes;
  base::random_bytes(bytes);
  return base::load_le64(bytes.data());
}

Message not_authorised(const Message& request) {
  Message answer;
  answer.kind = request.kind == Kind::kRegister ? Kind::kRegisterResponse : Kind::kDiscoverResponse;
  answer.status = Status::kNotAuthorised;
  answer.status_text = name_of(answer.status);
  return answer;
}

/// Opens a stream, writes the request, and reads the answer if there is to be one.
base::Task<base::Result<Message>> ask(base::Clock& clock, std::shared_ptr<Connection> point, Message request,
                                      std::optional<Kind> answer_kind) {
  std::vector<std::string> protocols{std::string(kProtocol)};
  auto opened = co_await point->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  Stream& stream = *opened->stream;
  ScopedDeadline deadline(clock, clock.now() + kRequestTimeout, [&stream] { stream.reset(); });
  const base::Bytes bytes = serialise(request);
  auto written = co_await write_length_prefixed(stream, bytes);
  if (written) written = co_await stream.close_write();
  if (!written) co_return deadline.expired() ? Error::kTimeout : written.error();
  auto answer = co_await read_message(stream, clock, kMessageBytesMax);
  // Nothing answers some; the point has read them when it closes.
  if (!answer_kind) co_return Message();
  if (deadline.expired()) co_return Error::kTimeout;
  if (!answer) co_return answer.error();
  if (!*answer) co_return Error::kUnexpectedEof;
  auto message = parse(**answer);
  if (!message) co_return message.error();
  if (message->kind != *answer_kind) co_return Error::kProtocolViolation;
  if (message->status != Status::kOk) {
    LOG_DEBUG("rendezvous at {}: {}", point->remote_peer().short_text(), name_of(message->status));
    co_return Error::kRefused;
  }
  co_return std::move(*message);
}

}  // namespace

struct Server::State {
  State(base::Clock& c, Config settings)
      : clock(c), config(std::move(settings)), registrations(config.limits, random_instance()) {}

  std::optional<Message> answer(const PeerId& peer, const Message& request) {
    if (config.serves && !config.serves(peer)) {
      if (request.kind == Kind::kUnregister) return std::nullopt;
      return not_authorised(request);
    }
    return registrations.answer(peer, request, clock.now());
  }

  static base::Task<> serve(std::shared_ptr<State> self, PeerId peer, std::unique_ptr<Stream> stream) {
    if (self->streams >= kStreamsServedMax) co_return stream->reset();
    ++self->streams;
    ScopedDeadline deadline(self->clock, self->clock.now() + kRequestTimeout, [raw = stream.get()] { raw->reset(); });
    bool fine = true;
    for (std::size_t i = 0; fine && i < kRequestsPerStreamMax; ++i) {
      auto bytes = co_await read_message(*stream, self->clock, kMessageBytesMax);
      if (!bytes || !*bytes) break;
      auto request = parse(**bytes);
      fine = request.has_value() && (request->kind == Kind::kRegister || request->kind == Kind::kUnregister ||
                                     request->kind == Kind::kDiscover);
      if (!fine) break;
      const auto answer = self->answer(peer, *request);
      if (!answer) continue;
      const base::Bytes message = serialise(*answer);
      auto written = co_await write_length_prefixed(*stream, message);
      fine = written.has_value();
    }
    if (fine) {
      (void)co_await stream->close_write();
    } else {
      stream->reset();
    }
    --self->streams;
  }

  base::Clock& clock;
  const Config config;
  Registrations registrations;
  std::size_t streams = 0;
};

Server::Server(base::Clock& clock, Host& host, Config config)
    : host_(host), state_(std::make_shared<State>(clock, std::move(config))) {
  const auto handler = [state = state_](std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream) {
    return State::serve(state, connection->remote_peer(), std::move(stream));
  };
  host_.set_stream_handler(std::string(kProtocol), handler);
}

Server::~Server() { host_.remove_stream_handler(std::string(kProtocol)); }

std::size_t Server::registrations() const { return state_->registrations.size(); }

base::Task<base::Result<std::chrono::seconds>> register_at(base::Clock& clock, std::shared_ptr<Connection> point,
                                                           base::Bytes signed_record, std::string name,
                                                           std::chrono::seconds ttl) {
  Message request;
  request.kind = Kind::kRegister;
  request.registration.name = std::move(name);
  request.registration.signed_record = std::move(signed_record);
  request.registration.ttl = static_cast<std::uint64_t>(ttl.count());
  auto answer = co_await ask(clock, std::move(point), std::move(request), Kind::kRegisterResponse);
  if (!answer) co_return answer.error();
  const std::uint64_t taken = std::min(answer->ttl.value_or(static_cast<std::uint64_t>(ttl.count())), kTtlMax);
  co_return std::chrono::seconds(static_cast<std::int64_t>(taken));
}

base::Task<base::Result<>> unregister_at(base::Clock& clock, std::shared_ptr<Connection> point, std::string name) {
  Message request;
  request.kind = Kind::kUnregister;
  request.name = std::move(name);
  auto sent = co_await ask(clock, std::move(point), std::move(request), std::nullopt);
  if (!sent) co_return sent.error();
  co_return base::Result<>();
}

base::Task<base::Result<Discovered>> discover_at(base::Clock& clock, std::shared_ptr<Connection> point,
                                                 std::string name, std::uint64_t limit, base::Bytes cookie) {
  Message request;
  request.kind = Kind::kDiscover;
  request.name = name;
  request.limit = limit;
  request.cookie = std::move(cookie);
  auto answer = co_await ask(clock, std::move(point), std::move(request), Kind::kDiscoverResponse);
  if (!answer) co_return answer.error();
  Discovered discovered;
  discovered.cookie = std::move(answer->cookie);
  for (const Registration& each : answer->registrations) {
    if (discovered.peers.size() == limit) break;
    auto record = open_peer_record(each.signed_record);
    if (!record || (!name.empty() && each.name != name)) continue;
    discovered.peers.push_back({record->peer, std::move(record->addresses)});
  }
  co_return discovered;
}

}  // namespace libp2p::rendezvous
