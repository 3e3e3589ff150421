#include "libp2p/protocols/relay/server_impl.h"

#include "base/log.h"
#include "libp2p/core/address_reach.h"
#include "libp2p/core/error.h"
#include "libp2p/core/timed_io.h"
#include "libp2p/protocols/relay/carry.h"
#include "libp2p/protocols/relay/unix_time.h"
#include "libp2p/protocols/relay/voucher.h"

#include <algorithm>

namespace libp2p::relay {

using multiformats::PeerId;

namespace {

base::Task<> nothing() { co_return; }

/// Where peers are told to find the relay: at its public addresses, if it has any; else at those that lead beyond its
/// own machine, if there are any. Never at another relay.
std::vector<multiformats::Multiaddr> told_addresses(std::vector<multiformats::Multiaddr> addresses) {
  std::erase_if(addresses, [](const auto& each) { return each.has(multiformats::AddrProtocol::kP2pCircuit); });
  for (const AddressReach left_out : {AddressReach::kLoopback, AddressReach::kPrivate}) {
    const auto is_left_out = [left_out](const auto& each) { return reach_of(each) == left_out; };
    if (std::ranges::all_of(addresses, is_left_out)) continue;
    std::erase_if(addresses, is_left_out);
  }
  return addresses;
}

Limit limit_of(const ServerLimits& limits) {
  return Limit{static_cast<std::uint32_t>(limits.circuit_time.count()), limits.circuit_bytes};
}

}  // namespace

Server::Impl::Impl(const base::Executor& executor, base::Clock& clock, Host& host, ServerConfig config)
    : executor_(executor),
      clock_(clock),
      host_(host),
      config_(std::move(config)),
      limit_(limit_of(config_.limits)),
      table_(config_.limits),
      tasks_(executor) {
  config_.unix_time_s = unix_time_or_system(std::move(config_.unix_time_s));
}

void Server::Impl::start() {
  // The host's events outlive us.
  const std::weak_ptr<Impl> weak = weak_from_this();
  host_.on_disconnected([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->disconnected(*connection);
  });
  StreamHandler handler = [weak](ConnectionPtr connection, StreamPtr stream) {
    const auto self = weak.lock();
    if (self && !self->closed_) self->tasks_.spawn(serve(self, std::move(connection), std::move(stream)));
    return nothing();
  };
  host_.set_stream_handler(kHopProtocol, std::move(handler));
}

void Server::Impl::disconnected(const Connection& connection) {
  budgets_.erase(&connection);
  if (!connection_to(connection.remote_peer())) table_.remove_reservation(connection.remote_peer());
}

Server::Impl::ConnectionPtr Server::Impl::connection_to(const PeerId& peer) const {
  ConnectionPtr best;
  for (ConnectionPtr& each : host_.connections_to(peer)) {
    if (is_relayed(*each)) continue;
    if (!best || best->is_superseded()) best = std::move(each);
  }
  return best;
}

// Requests.

base::Task<> Server::Impl::serve(Self self, ConnectionPtr connection, StreamPtr stream) {
  auto bytes = co_await read_message_by(*stream, self->clock_, self->step_deadline(), kMessageBytesMax);
  // Whoever says nothing, or goes away, is not answered.
  if (!bytes && bytes.error() != Error::kMessageTooLong) co_return stream->reset();
  const auto request = bytes ? parse_hop_message(*bytes) : base::Result<HopMessage>(bytes.error());
  Status status = Status::kMalformedMessage;
  bool is_served = true;
  if (request && self->config_.serves) is_served = co_await self->config_.serves(connection->remote_peer());
  if (request) status = is_served ? self->admit(*connection) : Status::kPermissionDenied;
  HopMessage message = HopMessage{.status = status};
  if (status != Status::kOk) {
    message = self->refusal(status);
  } else if (request->type == HopMessage::Type::kReserve) {
    message = self->reserve(*connection);
  } else if (request->type == HopMessage::Type::kConnect && request->peer) {
    co_return co_await serve_connect(self, std::move(connection), std::move(stream), *request->peer);
  } else {
    message = self->refusal(request->peer ? Status::kUnexpectedMessage : Status::kMalformedMessage);
  }
  co_await answer(self, std::move(stream), std::move(message));
}

Status Server::Impl::admit(const Connection& connection) {
  // A circuit over a circuit would let a relay be used without being seen.
  if (is_relayed(connection)) return Status::kPermissionDenied;
  const auto& limits = config_.limits;
  // A connection that is gone is forgotten already.
  if (connection.is_closed()) return Status::kPermissionDenied;
  auto [budget, is_new] = budgets_.try_emplace(&connection, limits.request_burst, limits.request_interval);
  return budget->second.take(clock_.now()) ? Status::kOk : Status::kResourceLimitExceeded;
}

HopMessage Server::Impl::refusal(Status status) {
  ++stats_.refused;
  return HopMessage{.type = HopMessage::Type::kStatus, .status = status};
}

HopMessage Server::Impl::reserve(const Connection& connection) {
  const PeerId& peer = connection.remote_peer();
  const Status status = table_.reserve(peer, network_of(connection.remote_address()), clock_.now());
  if (status != Status::kOk) return refusal(status);
  const auto time = std::chrono::duration_cast<std::chrono::seconds>(config_.limits.reservation_time);
  Reservation reservation;
  reservation.expire_unix_s = config_.unix_time_s() + static_cast<std::uint64_t>(time.count());
  for (const auto& address : told_addresses(host_.addresses())) {
    if (reservation.addresses.size() == kMessageAddressesMax) break;
    if (auto named = address.with_peer(host_.peer_id())) reservation.addresses.push_back(std::move(*named));
  }
  reservation.voucher = seal_voucher(config_.key, {host_.peer_id(), peer, reservation.expire_unix_s});
  LOG_DEBUG("relay: {} has a reservation", peer.short_text());
  return HopMessage{.type = HopMessage::Type::kStatus,
                    .peer = std::nullopt,
                    .reservation = std::move(reservation),
                    .limit = limit_,
                    .status = Status::kOk};
}

base::Task<> Server::Impl::answer(Self self, StreamPtr stream, HopMessage message) {
  const base::TimePoint deadline = self->step_deadline();
  auto written = co_await write_message_by(*stream, self->clock_, deadline, serialise(message));
  if (written) co_await finish_by(*stream, self->clock_, deadline);
}

// Circuits.

base::Task<> Server::Impl::serve_connect(Self self, ConnectionPtr connection, StreamPtr stream, PeerId target) {
  const PeerId from = connection->remote_peer();
  const auto network = network_of(connection->remote_address());
  std::optional<ServerTable::Permit> permit;
  Status status = from == target || target == self->host_.peer_id()
                      ? Status::kPermissionDenied
                      : self->table_.open_circuit(from, network, target, self->clock_.now(), permit);
  ConnectionPtr to = status == Status::kOk ? self->connection_to(target) : nullptr;
  if (status == Status::kOk && !to) status = Status::kNoReservation;
  if (status != Status::kOk) {
    co_return co_await answer(self, std::move(stream), self->refusal(status));
  }
  auto stop = co_await reach(self, std::move(to), from);
  if (!stop) {
    LOG_DEBUG("relay: {} did not take a circuit: {}", target.short_text(), stop.error().message());
    permit.reset();
    co_return co_await answer(self, std::move(stream), self->refusal(Status::kConnectionFailed));
  }
  const HopMessage accepted{.type = HopMessage::Type::kStatus,
                            .peer = std::nullopt,
                            .reservation = std::nullopt,
                            .limit = self->limit_,
                            .status = Status::kOk};
  auto told = co_await write_message_by(*stream, self->clock_, self->step_deadline(), serialise(accepted));
  if (!told) co_return (*stop)->reset();
  co_await run_circuit(self, std::move(stream), std::move(*stop), std::move(*permit));
}

base::Task<base::Result<Server::Impl::StreamPtr>> Server::Impl::reach(Self self, ConnectionPtr target, PeerId from) {
  std::vector<std::string> protocols{kStopProtocol};
  auto opened = co_await target->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  StreamPtr stream = std::move(opened->stream);
  const StopMessage request{.type = StopMessage::Type::kConnect, .peer = from, .limit = self->limit_};
  const base::TimePoint deadline = self->step_deadline();
  auto asked = co_await write_message_by(*stream, self->clock_, deadline, serialise(request));
  if (!asked) co_return asked.error();
  auto bytes = co_await read_message_by(*stream, self->clock_, deadline, kMessageBytesMax);
  if (!bytes) co_return bytes.error();
  const auto answered = parse_stop_message(*bytes);
  if (!answered) co_return answered.error();
  if (answered->type != StopMessage::Type::kStatus || answered->status != Status::kOk) co_return Error::kRefused;
  co_return std::move(stream);
}

base::Task<> Server::Impl::run_circuit(Self self, StreamPtr from, StreamPtr to,
                                       [[maybe_unused]] ServerTable::Permit permit) {
  ++self->stats_.circuits_opened;
  std::stop_token stop = self->stop_.get_token();
  auto carried = co_await carry(self->executor_, self->clock_, std::move(from), std::move(to), self->limit_, stop);
  self->stats_.bytes_carried += carried.bytes;
}

// The whole.

ServerStats Server::Impl::stats() {
  ServerStats stats = stats_;
  stats.reservations = table_.reservations(clock_.now());
  stats.circuits = table_.circuits();
  return stats;
}

base::Task<> Server::Impl::close(Self self) {
  if (!self->closed_) self->host_.remove_stream_handler(kHopProtocol);
  self->closed_ = true;
  self->stop_.request_stop();
  co_await self->tasks_.wait_until_empty();
}

}  // namespace libp2p::relay
