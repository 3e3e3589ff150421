// The streams of Kademlia's peers: requests of theirs, any number one after the other, and of ours, one each.
#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/message_reader.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/protocols/kad/kademlia_impl.h"

namespace libp2p::kad {

using multiformats::PeerId;

namespace {

Failure failure_of(const base::Error& error) {
  if (error == Error::kProtocolNotSupported) return Failure::kNotServer;
  if (error == Error::kTooManyConnections || error == Error::kTooManyStreams || error == Error::kClosing ||
      error == Error::kDenied) {
    return Failure::kLocal;
  }
  return Failure::kSilent;
}

}  // namespace

// Theirs.

base::Task<> Kademlia::Impl::serve(Self self, Requester from, std::shared_ptr<Stream> stream) {
  self->streams_.push_back(stream);
  for (bool more = true; more && !self->closed_;) more = co_await serve_one(self, from, stream);
  std::erase(self->streams_, stream);
  --self->inbound_streams_;
  const auto inbound = self->inbound_.find(from.id);
  if (--inbound->second.streams > 0) co_return;
  if (self->closed_ || !self->connection_to(from.id)) self->inbound_.erase(inbound);
}

base::Task<bool> Kademlia::Impl::serve_one(Self self, Requester from, std::shared_ptr<Stream> stream) {
  auto bytes = co_await self->read_request(stream);
  if (!bytes || self->closed_) {
    stream->reset();
    co_return false;
  }
  if (!*bytes) {
    (void)co_await stream->close_write();
    co_return false;
  }
  co_await wait_for_turn(self, from.id);
  if (self->closed_) co_return false;
  const auto request = parse_message(**bytes);
  auto answer = request ? self->behaviour_.receive(from, *request, self->now()) : request.error();
  if (!answer) {
    LOG_DEBUG("a request of {} is refused: {}", from.id.short_text(), answer.error().message());
    stream->reset();
    co_return false;
  }
  if (!*answer) co_return true;
  const base::Bytes written = serialise_message(**answer);
  const base::TimePoint deadline = self->now() + self->behaviour_.config().params.request_timeout;
  ScopedDeadline timer(self->clock_, deadline, [raw = stream.get()] { raw->reset(); });
  auto sent = co_await write_length_prefixed(*stream, written);
  co_return sent.has_value();
}

base::Task<base::Result<std::optional<base::Bytes>>> Kademlia::Impl::read_request(std::shared_ptr<Stream> stream) {
  const Limits& limits = behaviour_.config().limits;
  ScopedDeadline idle(clock_, now() + limits.inbound_idle_timeout, [raw = stream.get()] { raw->reset(); });
  auto bytes = co_await read_message(*stream, clock_, limits.request_bytes_max);
  co_return bytes;
}

base::Task<> Kademlia::Impl::wait_for_turn(Self self, PeerId peer) {
  // The peer's state stays while it has a stream.
  Inbound& inbound = self->inbound_.at(peer);
  while (!self->closed_ && !inbound.budget.take(self->now())) {
    bool is_due = false;
    const base::TimePoint when = self->now() + self->behaviour_.config().limits.request_interval;
    const auto timer = self->clock_.call_at(when, [&is_due, raw = self.get()] {
      is_due = true;
      raw->turn_.notify_all();
    });
    while (!is_due && !self->closed_) co_await self->turn_.wait();
  }
}

// Ours.

base::Task<> Kademlia::Impl::ask(Self self, Request request) {
  const auto exchange = std::make_shared<Exchange>();
  exchange->id = request.id;
  const base::TimePoint deadline = self->now() + self->behaviour_.config().params.request_timeout;
  const auto timer = self->clock_.call_at(deadline, [weak = std::weak_ptr<Impl>(self), exchange] {
    if (const auto impl = weak.lock()) impl->expire(*exchange);
  });
  const RequestId id = request.id;
  const bool wants_answer = request.wants_answer;
  auto connection = co_await connect(self, request.to);
  base::Result<std::optional<Message>> answer = Error::kNotConnected;
  SeenAt seen;
  if (connection) {
    seen = seen_at(**connection);
    if (!exchange->is_over && !self->closed_) {
      answer = co_await talk(self, exchange, *connection, std::move(request));
    }
  } else {
    answer = connection.error();
  }
  if (exchange->stream) std::erase(self->streams_, exchange->stream);
  if (exchange->is_over || self->closed_) co_return;
  exchange->is_over = true;
  if (answer && wants_answer) self->tasks_.spawn(end(self, exchange->stream, deadline));
  if (!answer) {
    self->behaviour_.failed(id, failure_of(answer.error()), self->now());
  } else if (wants_answer) {
    self->behaviour_.answered(id, seen, **answer, self->now());
  } else {
    self->behaviour_.answered_nothing(id, self->now());
  }
  self->pump();
}

base::Task<> Kademlia::Impl::end(Self self, std::shared_ptr<Stream> stream, base::TimePoint deadline) {
  self->streams_.push_back(stream);
  ScopedDeadline timer(self->clock_, deadline, [raw = stream.get()] { raw->reset(); });
  auto closed = co_await stream->close_write();
  // Nothing, if it is as it should be. One that is destroyed before they have ended it too is reset.
  if (closed) (void)co_await read_message(*stream, self->clock_, 0);
  std::erase(self->streams_, stream);
}

void Kademlia::Impl::expire(Exchange& exchange) {
  if (std::exchange(exchange.is_over, true) || closed_) return;
  if (exchange.stream) exchange.stream->reset();
  behaviour_.failed(exchange.id, Failure::kSilent, now());
  pump();
}

base::Task<base::Result<Kademlia::Impl::ConnectionPtr>> Kademlia::Impl::connect(Self self, PeerEntry peer) {
  if (auto connection = self->connection_to(peer.id)) co_return connection;
  if (peer.addresses.empty()) co_return Error::kNotConnected;
  ConnectOptions options;
  options.timeout = self->behaviour_.config().params.request_timeout;
  auto connection = co_await self->host_.connect(peer.id, std::move(peer.addresses), options);
  co_return connection;
}

base::Task<base::Result<std::optional<Message>>> Kademlia::Impl::talk(Self self, std::shared_ptr<Exchange> exchange,
                                                                      ConnectionPtr connection, Request request) {
  std::vector<std::string> protocols{self->behaviour_.config().protocol};
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  if (exchange->is_over || self->closed_) co_return Error::kTimeout;
  exchange->stream = std::move(opened->stream);
  self->streams_.push_back(exchange->stream);
  Stream& stream = *exchange->stream;
  const base::Bytes bytes = serialise_message(request.message);
  auto written = co_await write_length_prefixed(stream, bytes);
  if (!written) co_return written.error();
  // There is no more to come. js-libp2p overlooks a request now and then that the end comes right behind: where there
  // is an answer, the end waits for it.
  if (!request.wants_answer) (void)co_await stream.close_write();
  auto received = co_await read_message(stream, self->clock_, self->behaviour_.config().limits.response_bytes_max);
  if (!received) co_return received.error();
  if (!request.wants_answer) co_return std::optional<Message>();
  if (!*received) co_return Error::kUnexpectedEof;
  auto answer = parse_message(**received);
  if (!answer) co_return answer.error();
  if (answer->type != request.message.type) co_return Error::kProtocolViolation;
  co_return std::optional<Message>(std::move(*answer));
}

}  // namespace libp2p::kad
