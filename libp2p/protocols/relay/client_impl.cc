#include "libp2p/protocols/relay/client_impl.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/core/timed_io.h"
#include "libp2p/protocols/relay/unix_time.h"

#include <algorithm>

namespace libp2p::relay {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

base::Task<> nothing() { co_return; }

base::Error error_of(Status status) {
  switch (status) {
    case Status::kReservationRefused:
      return Errc::kReservationRefused;
    case Status::kResourceLimitExceeded:
      return Errc::kResourceLimitExceeded;
    case Status::kPermissionDenied:
      return Errc::kPermissionDenied;
    case Status::kConnectionFailed:
      return Errc::kConnectionFailed;
    case Status::kNoReservation:
      return Errc::kNoReservation;
    case Status::kMalformedMessage:
    case Status::kUnexpectedMessage:
      return Errc::kMessageRefused;
    default:
      return Errc::kUnknownStatus;
  }
}

/// The address of peers behind the relay that the connection leads to.
Multiaddr circuit_by(const Connection& relay) {
  const auto address = make_circuit_address(relay.remote_address(), relay.remote_peer());
  return address ? *address : Multiaddr();
}

}  // namespace

Client::Impl::Impl(const base::Executor& executor, base::Clock& clock, Host& host, ClientConfig config)
    : executor_(executor),
      clock_(clock),
      host_(host),
      config_(std::move(config)),
      tasks_(executor),
      random_(config_.seed) {
  config_.unix_time_s = unix_time_or_system(std::move(config_.unix_time_s));
}

void Client::Impl::start() {
  // The host's events outlive us.
  const std::weak_ptr<Impl> weak = weak_from_this();
  host_.on_disconnected([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->disconnected(*connection);
  });
  StreamHandler handler = [weak](ConnectionPtr relay, StreamPtr stream) {
    const auto self = weak.lock();
    if (self && !self->closed_) self->tasks_.spawn(serve_stop(self, std::move(relay), std::move(stream)));
    return nothing();
  };
  host_.set_stream_handler(kStopProtocol, std::move(handler));
}

std::vector<RelayState> Client::Impl::relays() const {
  std::vector<RelayState> states;
  for (const RelaySlotPtr& slot : slots_) states.push_back(slot->state);
  return states;
}

base::Task<> Client::Impl::close(Self self) {
  if (!self->closed_) self->host_.remove_stream_handler(kStopProtocol);
  self->closed_ = true;
  self->stop_.request_stop();
  for (const RelaySlotPtr& slot : self->slots_) slot->changed.notify_all();
  co_await self->tasks_.wait_until_empty();
}

// Asking a relay.

struct Client::Impl::Reaching {
  explicit Reaching(const base::Executor& executor) : changed(executor) {}
  base::Signal changed;
  std::optional<base::Result<ConnectionPtr>> result;
};

base::Task<> Client::Impl::reach(Self self, CircuitAddress where, std::shared_ptr<Reaching> reaching) {
  std::vector<Multiaddr> addresses;
  if (!where.relay_address.empty()) addresses.push_back(where.relay_address);
  ConnectOptions options;
  options.from_listen_port = true;
  options.ignore_backoff = true;
  if (self->closed_) co_return;
  auto connection = co_await self->host_.connect(where.relay, std::move(addresses), options);
  reaching->result = std::move(connection);
  reaching->changed.notify_all();
}

base::Task<base::Result<Client::Impl::ConnectionPtr>> Client::Impl::reach_by(Self self, CircuitAddress where,
                                                                             base::TimePoint deadline,
                                                                             std::stop_token stop) {
  auto reaching = std::make_shared<Reaching>(self->executor_);
  // The host's dial cannot be broken off, and may have others who wait for it; so close() does not wait for it.
  base::spawn(self->executor_, reach(self, std::move(where), reaching));
  ScopedDeadline time_limit(self->clock_, deadline, [reaching] { reaching->changed.notify_all(); });
  const std::stop_callback on_stop(stop, [reaching] { reaching->changed.notify_all(); });
  const std::stop_callback on_close(self->stop_.get_token(), [reaching] { reaching->changed.notify_all(); });
  while (!reaching->result && !time_limit.expired() && !stop.stop_requested() && !self->closed_) {
    co_await reaching->changed.wait();
  }
  if (stop.stop_requested() || self->closed_) co_return Error::kClosing;
  if (!reaching->result) co_return Error::kTimeout;
  if (!*reaching->result) co_return reaching->result->error();
  ConnectionPtr relay = **reaching->result;
  if (is_relayed(*relay)) co_return Errc::kRelayIsRelayed;
  co_return relay;
}

base::Task<base::Result<Client::Impl::Answer>> Client::Impl::ask(Self self, ConnectionPtr relay, HopMessage request,
                                                                 base::TimePoint deadline, std::stop_token stop) {
  std::vector<std::string> protocols{kHopProtocol};
  auto opened = co_await relay->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  Answer answer{std::move(opened->stream), {}};
  const std::stop_callback on_stop(stop, [raw = answer.stream.get()] { raw->reset(); });
  auto asked = co_await write_message_by(*answer.stream, self->clock_, deadline, serialise(request));
  if (!asked) co_return stop.stop_requested() ? make_error_code(Error::kClosing) : asked.error();
  auto bytes = co_await read_message_by(*answer.stream, self->clock_, deadline, kMessageBytesMax);
  if (stop.stop_requested()) co_return Error::kClosing;
  if (!bytes) co_return bytes.error();
  auto message = parse_hop_message(*bytes);
  if (!message) co_return message.error();
  answer.message = std::move(*message);
  if (answer.message.type != HopMessage::Type::kStatus) co_return Error::kProtocolViolation;
  if (answer.message.status != Status::kOk) {
    (void)co_await answer.stream->close_write();
    co_return error_of(answer.message.status);
  }
  co_return std::move(answer);
}

base::Task<base::Result<RawConnection>> Client::Impl::dial(Self self, Multiaddr address, base::Duration timeout,
                                                           std::stop_token stop) {
  if (self->closed_) co_return Error::kClosing;
  const auto where = CircuitAddress::parse(address);
  if (!where || !where->target) co_return Error::kUnsupportedAddress;
  const base::TimePoint deadline = self->clock_.now() + timeout;
  auto relay = co_await reach_by(self, *where, deadline, stop);
  if (!relay) co_return relay.error();
  HopMessage request;
  request.type = HopMessage::Type::kConnect;
  request.peer = *where->target;
  auto answer = co_await ask(self, *relay, std::move(request), deadline, stop);
  if (!answer) co_return answer.error();
  const Multiaddr by = circuit_by(**relay);
  co_return RawConnection{std::move(answer->stream), by, by, answer->message.limit.is_limited()};
}

// Circuits that come in.

void Client::Impl::disconnected(const Connection& connection) {
  for (const ConnectionPtr& each : host_.connections_to(connection.remote_peer())) {
    if (!is_relayed(*each)) return;
  }
  for (const RelaySlotPtr& slot : slots_) {
    if (slot->where.relay != connection.remote_peer()) continue;
    slot->lost = true;
    slot->changed.notify_all();
  }
}

RelaySlotPtr Client::Impl::slot_of(const PeerId& relay) const {
  const auto found = std::ranges::find_if(
      slots_, [&](const RelaySlotPtr& each) { return each->where.relay == relay && each->state.has_reservation; });
  return found == slots_.end() ? nullptr : *found;
}

base::Task<> Client::Impl::serve_stop(Self self, ConnectionPtr relay, StreamPtr stream) {
  const base::TimePoint deadline = self->clock_.now() + kClientStepTimeout;
  auto bytes = co_await read_message_by(*stream, self->clock_, deadline, kMessageBytesMax);
  if (!bytes) co_return stream->reset();
  const auto request = parse_stop_message(*bytes);
  RelaySlotPtr slot = is_relayed(*relay) ? nullptr : self->slot_of(relay->remote_peer());
  StopMessage answer{.type = StopMessage::Type::kStatus, .peer = std::nullopt, .limit = {}, .status = Status::kOk};
  if (!request || (request->type == StopMessage::Type::kConnect && !request->peer)) {
    answer.status = Status::kMalformedMessage;
  } else if (request->type != StopMessage::Type::kConnect) {
    answer.status = Status::kUnexpectedMessage;
  } else if (!slot) {
    // Only whom we have asked to be a relay is one to us.
    answer.status = Status::kPermissionDenied;
  } else if (slot->arrived.size() >= kArrivedMax || self->closed_) {
    answer.status = Status::kResourceLimitExceeded;
  }
  auto told = co_await write_message_by(*stream, self->clock_, deadline, serialise(answer));
  if (!told) co_return;
  if (answer.status != Status::kOk) co_return co_await finish_by(*stream, self->clock_, deadline);
  // Who it really is, the handshake tells; the relay's word is not needed.
  const Multiaddr by = circuit_by(*relay);
  if (slot->closed || slot->arrived.size() >= kArrivedMax) co_return stream->reset();
  slot->arrived.push_back(RawConnection{std::move(stream), by, by, request->limit.is_limited()});
  slot->changed.notify_all();
}

}  // namespace libp2p::relay
