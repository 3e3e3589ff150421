#include "libp2p/host/host_impl.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/turn.h"
#include "libp2p/host/interface_addresses.h"
#include "libp2p/negotiation/multistream_message.h"
#include "libp2p/protocols/perf/perf.h"
#include "libp2p/protocols/ping/ping.h"

#include <algorithm>
#include <cassert>

namespace libp2p {

namespace {

constexpr base::Duration kPingTimeout = std::chrono::seconds(10);

void call_each(std::vector<std::function<void(std::shared_ptr<Connection>)>> calls,
               const std::shared_ptr<Connection>& connection) {
  for (const auto& call : calls) call(connection);
}

/// Uses nothing of the host: the caller's coroutine may go on after the host is gone.
base::Task<base::Result<base::Duration>> ping_once(base::Clock& clock, std::shared_ptr<Connection> connection) {
  std::vector<std::string> protocols{std::string(kPingProtocol)};
  auto stream = co_await connection->new_stream(std::move(protocols));
  if (!stream) co_return stream.error();
  auto round_trip = co_await ping_round_trip(clock, *stream->stream, kPingTimeout);
  co_return round_trip;
}

InboundLimits inbound_limits(const HostConfig& config) {
  InboundLimits limits;
  limits.pending_max = config.pending_inbound_max;
  limits.pending_per_network_max = config.pending_inbound_per_network_max;
  limits.per_network_max = config.inbound_per_network_max;
  limits.per_network_per_second = config.inbound_per_network_per_second;
  return limits;
}

ConnectionLimits connection_limits(const HostConfig& config) {
  ConnectionLimits limits;
  limits.connections_max = config.connections_max;
  limits.per_peer_max = config.connections_per_peer_max;
  limits.streams_max = config.streams_max;
  limits.streams_per_peer_max = config.streams_per_peer_max;
  return limits;
}

}  // namespace

HostImpl::HostImpl(const base::Executor& executor, base::Clock& clock, HostConfig config, HostParts parts)
    : executor_(executor),
      clock_(clock),
      config_(std::move(config)),
      peer_id_(multiformats::PeerId::from_public_key(config_.key.public_key())),
      gate_(std::make_shared<ConnectionGate>(config_.gate)),
      upgrader_(executor, clock, std::move(parts.securities), std::move(parts.muxers),
                {config_.data_protocol, std::move(parts.data_securities)}, config_.network_key),
      tasks_(executor),
      dialler_(executor, clock, tasks_, std::move(parts.transports), std::move(parts.resolver), upgrader_, gate_,
               config_.dial_attempts_max),
      identify_(clock, tasks_,
                {config_.key, config_.agent_version, [this] { return addresses(); }, protocols_, config_.record_seq},
                std::move(parts.open_record),
                [this](std::shared_ptr<Connection> connection) { call_each(identified_calls_, connection); }),
      inbound_(inbound_limits(config_)),
      connections_(peer_id_, connection_limits(config_)),
      dials_(executor, tasks_,
             [this](DialTarget target, ConnectOptions options) { return dial(std::move(target), options); }),
      data_connections_(executor) {
  StreamHandler ping_handler = [&clock](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
    return serve_ping(clock, std::move(stream));
  };
  protocols_->emplace(kPingProtocol, ServedProtocol{std::move(ping_handler), kPingStreamsPerConnectionMax});
  if (!config_.serve_perf) return;
  StreamHandler perf_handler = [&clock](std::shared_ptr<Connection>, std::unique_ptr<Stream> stream) {
    return serve_perf(clock, std::move(stream));
  };
  protocols_->emplace(kPerfProtocol, ServedProtocol{std::move(perf_handler), kPerfStreamsPerConnectionMax});
}

HostImpl::~HostImpl() { assert(tasks_.size() == 0 || !closing_); }

// Listening.

base::Result<multiformats::Multiaddr> HostImpl::listen(const multiformats::Multiaddr& address) {
  if (closing_) return Error::kClosing;
  if (listeners_.size() == kListenersMax) return Error::kTooManyConnections;
  auto opened = dialler_.listen(address);
  if (!opened) return opened.error();
  std::shared_ptr<Listener> listener = std::move(*opened);
  listeners_.push_back(listener);
  tasks_.spawn(accept_from(listener));
  identify_.changed();
  return listener->local_address();
}

base::Task<> HostImpl::accept_from(std::shared_ptr<Listener> listener) {
  for (;;) {
    auto raw = co_await listener->accept();
    if (!raw) break;
    auto permit = admit(raw->remote_address);
    if (permit) {
      tasks_.spawn(upgrade_inbound(std::move(*raw), std::move(*permit)));
    } else {
      raw->stream->reset();
    }
    // A handshake costs as much as a third of a MiB of somebody else's data.
    co_await give_way();
  }
  if (!closing_) LOG_ERROR("listening on {} has ended", listener->local_address().to_text());
}

std::optional<InboundAdmission::Permit> HostImpl::admit(const multiformats::Multiaddr& from) {
  if (!gate_->admits(from) || !has_room()) return std::nullopt;
  return inbound_.admit(from, clock_.now());
}

base::Task<> HostImpl::upgrade_inbound(RawConnection raw, InboundAdmission::Permit permit) {
  const multiformats::Multiaddr from = raw.remote_address;
  ConnectionOrigin origin;
  origin.began = connections_.next_moment();
  std::stop_token stop = stop_.get_token();
  auto upgraded = co_await upgrader_.upgrade_inbound(std::move(raw), clock_.now() + config_.handshake_timeout, stop);
  permit.end_handshake();
  if (!upgraded) {
    LOG_DEBUG("connection from {} failed: {}", from.to_text(), upgraded.error().message());
    co_return inbound_.note_failed(from, clock_.now());
  }
  base::Result<> added;
  if (upgraded->kind() == ConnectionKind::kMuxed) {
    if (auto connection = add_connection(std::move(*upgraded), origin, std::move(permit)); !connection) {
      added = connection.error();
    }
  } else if (auto connection = add_data_connection(std::move(*upgraded), std::move(permit)); !connection) {
    added = connection.error();
  } else if (const DataHandler handler = data_handler_; handler) {
    base::Task<> task = handler(std::move(*connection));
    co_await std::move(task);
  } else {
    connection->stream->reset();
  }
  if (!added) {
    LOG_DEBUG("connection from {} dropped: {}", from.to_text(), added.error().message());
    inbound_.note_failed(from, clock_.now());
  }
}

std::vector<multiformats::Multiaddr> HostImpl::addresses() const {
  std::vector<multiformats::Multiaddr> all;
  for (const auto& listener : listeners_) {
    for (const auto& each : listener->addresses()) {
      for (auto& address : expand_unspecified(each)) all.push_back(std::move(address));
    }
  }
  for (const auto& address : config_.external_addresses) all.push_back(address.without_peer());
  for (const auto& [source, addresses] : announced_) {
    for (const auto& address : addresses) all.push_back(address.without_peer());
  }
  std::vector<multiformats::Multiaddr> unique;
  for (auto& address : all) {
    if (std::find(unique.begin(), unique.end(), address) == unique.end()) unique.push_back(std::move(address));
  }
  return unique;
}

void HostImpl::announce(std::string source, std::vector<multiformats::Multiaddr> addresses) {
  auto& announced = announced_[std::move(source)];
  if (announced == addresses) return;
  announced = std::move(addresses);
  identify_.changed();
}

// Dialling.

base::Task<HostImpl::DialResult> HostImpl::connect(multiformats::PeerId peer,
                                                   std::vector<multiformats::Multiaddr> addresses,
                                                   ConnectOptions options) {
  options.force_new |= options.punch.has_value();
  if (!options.force_new) {
    if (auto existing = connections_.find(peer)) co_return existing;
  }
  DialTarget target(peer, std::move(addresses));
  auto result = co_await join_dial(std::move(target), options);
  co_return result;
}

base::Task<HostImpl::DialResult> HostImpl::connect(multiformats::Multiaddr address, ConnectOptions options) {
  std::vector<multiformats::Multiaddr> addresses{address};
  options.ignore_backoff = true;
  const auto peer = address.peer_id();
  if (peer) return connect(*peer, std::move(addresses), options);
  return join_dial(DialTarget(std::nullopt, std::move(addresses)), options);
}

base::Result<> HostImpl::may_dial(const DialTarget& target, const ConnectOptions& options) const {
  const auto& [peer, addresses] = target;
  if (closing_) return Error::kClosing;
  if (addresses.empty()) return Error::kNotConnected;
  if (peer == peer_id_) return Error::kDialToSelf;
  if (peer && !gate_->admits(*peer)) return Error::kDenied;
  if (dials_.begins(target, options) && !has_room()) return Error::kTooManyConnections;
  return {};
}

base::Task<HostImpl::DialResult> HostImpl::join_dial(DialTarget target, ConnectOptions options) {
  if (const auto allowed = may_dial(target, options); !allowed) co_return allowed.error();
  // Nothing of the host is used after this: it may be closed and gone when the waiting coroutine goes on.
  auto result = co_await dials_.join(std::move(target), options);
  co_return result;
}

base::Task<HostImpl::DialResult> HostImpl::dial(DialTarget target, ConnectOptions options) {
  DialRequest request;
  request.expected = target.first;
  request.addresses = std::move(target.second);
  request.timeout = options.timeout.value_or(config_.dial_timeout);
  request.ignores_backoff = options.force_new || options.ignore_backoff;
  request.from_listen_port = options.from_listen_port;
  request.punch = options.punch;
  request.stop = stop_.get_token();
  ConnectionOrigin origin;
  origin.began = connections_.next_moment();
  origin.on_purpose = options.force_new;
  auto upgraded = co_await dialler_.dial(std::move(request));
  DialResult result = upgraded ? add_connection(std::move(*upgraded), origin) : DialResult(upgraded.error());
  if (!result && target.first && !options.force_new) {
    // The peer may have reached us meanwhile.
    if (auto inbound = connections_.find(*target.first)) co_return inbound;
  }
  co_return result;
}

struct HostImpl::DataDial {
  DataDial(const base::Executor& executor, DialTarget whom) : target(std::move(whom)), ended(executor) {}

  DialTarget target;
  base::Signal ended;
  std::optional<base::Result<DataConnection>> result;
};

base::Task<base::Result<DataConnection>> HostImpl::open_data_connection(
    multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses) {
  if (config_.data_protocol.empty()) co_return Error::kProtocolNotSupported;
  ConnectOptions own_dial;
  own_dial.force_new = true;
  auto dial = std::make_shared<DataDial>(executor_, DialTarget(peer, std::move(addresses)));
  if (const auto allowed = may_dial(dial->target, own_dial); !allowed) co_return allowed.error();
  tasks_.spawn(dial_data(dial));
  // Nothing of the host is used after this, as in join_dial().
  while (!dial->result) co_await dial->ended.wait();
  co_return std::move(*dial->result);
}

base::Task<> HostImpl::dial_data(std::shared_ptr<DataDial> dial) {
  DialRequest request;
  request.expected = dial->target.first;
  request.addresses = dial->target.second;
  request.timeout = config_.dial_timeout;
  request.kind = ConnectionKind::kData;
  request.stop = stop_.get_token();
  ++data_dials_;
  auto upgraded = co_await dialler_.dial(std::move(request));
  --data_dials_;
  dial->result = upgraded ? add_data_connection(std::move(*upgraded)) : base::Result<DataConnection>(upgraded.error());
  dial->ended.notify_all();
}

// Connections.

base::Result<> HostImpl::may_add(const UpgradedConnection& upgraded) const {
  if (closing_) return Error::kClosing;
  if (upgraded.remote_peer == peer_id_) return Error::kDialToSelf;
  // Asked again: the gate may have changed during the handshake.
  if (!gate_->admits(upgraded.remote_peer) || !gate_->admits(upgraded.remote_address)) return Error::kDenied;
  return connections_.may_add(upgraded.remote_peer, data_connections_.size(),
                              data_connections_.count_to(upgraded.remote_peer));
}

HostImpl::DialResult HostImpl::add_connection(UpgradedConnection upgraded, ConnectionOrigin origin,
                                              std::optional<InboundAdmission::Permit> permit) {
  if (const auto allowed = may_add(upgraded); !allowed) {
    upgraded.abort();
    return allowed.error();
  }
  LOG_DEBUG("connected to {} at {}", upgraded.remote_peer.short_text(), upgraded.remote_address.to_text());
  auto connection =
      std::make_shared<HostConnection>(std::move(upgraded), protocols_, tasks_, clock_, config_.handshake_timeout);
  connections_.add(connection, origin);
  // It stays if our own dial succeeds too; that goes on, because the peer may see its connection before we do.
  if (!connection->is_dialler() && connection->remote_peer() < peer_id_) {
    dials_.answer(connection->remote_peer(), connection);
  }
  if (config_.idle_timeout && !connection->is_superseded()) connection->close_when_idle(*config_.idle_timeout);
  call_each(connected_calls_, connection);
  tasks_.spawn(run_connection(connection, std::move(permit)));
  identify_.connected(connection);
  return connection;
}

base::Result<DataConnection> HostImpl::add_data_connection(UpgradedConnection upgraded,
                                                           std::optional<InboundAdmission::Permit> permit) {
  if (const auto allowed = may_add(upgraded); !allowed) {
    upgraded.abort();
    return allowed.error();
  }
  LOG_DEBUG("data connection with {} at {}", upgraded.remote_peer.short_text(), upgraded.remote_address.to_text());
  return data_connections_.add(std::move(upgraded), std::move(permit));
}

base::Task<> HostImpl::run_connection(std::shared_ptr<HostConnection> connection,
                                      [[maybe_unused]] std::optional<InboundAdmission::Permit> permit) {
  co_await connection->serve();
  connections_.remove(connection);
  identify_.disconnected(connection);
  LOG_DEBUG("disconnected from {}", connection->remote_peer().short_text());
  call_each(disconnected_calls_, connection);
}

void HostImpl::set_gate(ConnectionGate gate) {
  *gate_ = std::move(gate);
  for (const auto& connection : connections_.open()) {
    if (!gate_->admits(connection->remote_peer()) || !gate_->admits(connection->remote_address())) connection->close();
  }
  data_connections_.stop(
      [this](const auto& peer, const auto& address) { return !gate_->admits(peer) || !gate_->admits(address); });
}

void HostImpl::disconnect(const multiformats::PeerId& peer) {
  for (const auto& connection : connections_.open_to(peer)) connection->close();
  data_connections_.stop([&](const auto& each, const auto&) { return each == peer; });
}

void HostImpl::on_connected(std::function<void(std::shared_ptr<Connection>)> call) {
  connected_calls_.push_back(std::move(call));
}

void HostImpl::on_disconnected(std::function<void(std::shared_ptr<Connection>)> call) {
  disconnected_calls_.push_back(std::move(call));
}

void HostImpl::on_identified(std::function<void(std::shared_ptr<Connection>)> call) {
  identified_calls_.push_back(std::move(call));
}

// Protocols.

void HostImpl::set_stream_handler(std::string protocol, StreamHandler handler) {
  assert(is_multistream_protocol(protocol));
  const bool is_new = protocols_->insert_or_assign(std::move(protocol), ServedProtocol{std::move(handler)}).second;
  if (is_new) identify_.changed();
}

void HostImpl::remove_stream_handler(const std::string& protocol) {
  if (protocols_->erase(protocol) > 0) identify_.changed();
}

base::Task<base::Result<base::Duration>> HostImpl::ping(std::shared_ptr<Connection> connection) {
  return ping_once(clock_, std::move(connection));
}

// The end.

base::Task<> HostImpl::close() {
  closing_ = true;
  for (const auto& listener : listeners_) listener->close();
  stop_.request_stop();
  for (const auto& connection : connections()) connection->close();
  data_connections_.stop([](const auto&, const auto&) { return true; });
  co_await tasks_.wait_until_empty();
}

}  // namespace libp2p
