#include "libp2p/protocols/kad/kademlia_impl.h"

#include <algorithm>

namespace libp2p::kad {

using multiformats::PeerId;

namespace {

/// How often we look what our addresses are.
constexpr base::Duration kAddressesInterval = std::chrono::minutes(1);
/// Ticks are no closer than this.
constexpr base::Duration kTickMin = std::chrono::milliseconds(1);

}  // namespace

SeenAt seen_at(const Connection& connection) {
  // Where a relay is tells nothing of who is behind it.
  if (is_relayed(connection)) return {};
  const auto& address = connection.remote_address();
  const auto endpoint = address.tcp_endpoint();
  if (!endpoint) return {.scope = scope_of(address)};
  return {.scope = scope_of(endpoint->address), .network = network_of(endpoint->address)};
}

Kademlia::Impl::Impl(const base::Executor& executor, base::Clock& clock, Host& host, Config config)
    : executor_(executor),
      clock_(clock),
      host_(host),
      behaviour_(host.peer_id(), std::move(config), clock.now()),
      tasks_(executor),
      mode_(behaviour_.config().mode),
      turn_(executor) {}

void Kademlia::Impl::start() {
  const std::weak_ptr<Impl> weak = weak_from_this();
  // The host's events outlive us.
  host_.on_identified([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->identified(connection);
  });
  host_.on_connected([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->connected(connection);
  });
  host_.on_disconnected([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->disconnected(connection);
  });
  look_up_addresses();
  set_mode(mode_);
  for (const ConnectionPtr& connection : host_.connections()) identified(connection);
  pump();
}

void Kademlia::Impl::add_address(PeerEntry peer) {
  if (closed_) return;
  behaviour_.add_bootstrap(std::move(peer), now());
  pump();
}

Stats Kademlia::Impl::stats() const {
  return {.behaviour = behaviour_.stats(),
          .is_server = is_server_,
          .table_peers = behaviour_.table().size(),
          .providers = behaviour_.providers().size(),
          .records = behaviour_.records().size(),
          .queries = behaviour_.query_count(),
          .requests_under_way = behaviour_.requests_under_way(),
          .inbound_streams = inbound_streams_};
}

base::Task<base::Result<QueryResult>> Kademlia::Impl::run(Self self, base::Result<QueryId> query) {
  if (self->closed_) co_return Errc::kClosed;
  // Something may have been decided even if no query was begun.
  const auto waiter = std::make_shared<Waiter>(self->executor_);
  if (query) self->waiters_[*query] = waiter;
  self->pump();
  if (!query) co_return query.error();
  while (!waiter->result && !self->closed_) co_await waiter->ended.wait();
  if (!waiter->result) co_return Errc::kClosed;
  co_return std::move(*waiter->result);
}

base::Task<> Kademlia::Impl::close(Self self) {
  if (!self->closed_) {
    self->serve_protocol(false);
    self->closed_ = true;
    self->tick_timer_.reset();
    for (const auto& [id, waiter] : self->waiters_) waiter->ended.notify_all();
    for (const auto& stream : self->streams_) stream->reset();
    self->turn_.notify_all();
  }
  co_await self->tasks_.wait_until_empty();
}

// Peers.

void Kademlia::Impl::identified(const ConnectionPtr& connection) {
  if (closed_ || connection->is_closed()) return;
  const PeerId& peer = connection->remote_peer();
  const auto info = host_.peer_info(peer);
  if (!info) return;
  const auto& protocols = info->protocols;
  const bool is_server = std::find(protocols.begin(), protocols.end(), behaviour_.config().protocol) != protocols.end();
  PeerEntry entry{peer, info->listen_addresses};
  if (entry.addresses.size() > kPeerAddressesMax) entry.addresses.resize(kPeerAddressesMax);
  behaviour_.identified(entry, seen_at(*connection), is_server, now());
  pump();
}

void Kademlia::Impl::connected(const ConnectionPtr& connection) {
  if (closed_ || mode_ != Mode::kAutomatic || is_server_ || connection->is_dialler()) return;
  if (!is_relayed(*connection)) serve_protocol(true);
}

void Kademlia::Impl::disconnected(const ConnectionPtr& connection) {
  const PeerId& peer = connection->remote_peer();
  if (connection_to(peer)) return;
  const auto found = inbound_.find(peer);
  if (found != inbound_.end() && found->second.streams == 0) inbound_.erase(found);
  if (!closed_) behaviour_.disconnected(peer);
}

Kademlia::Impl::ConnectionPtr Kademlia::Impl::connection_to(const PeerId& peer) const {
  ConnectionPtr result;
  for (const ConnectionPtr& connection : host_.connections_to(peer)) {
    if (!result || result->is_superseded()) result = connection;
  }
  return result;
}

std::optional<PeerEntry> Kademlia::Impl::connected_peer(const PeerId& peer) const {
  const auto info = connection_to(peer) ? host_.peer_info(peer) : std::nullopt;
  if (!info || info->listen_addresses.empty()) return std::nullopt;
  return PeerEntry{peer, info->listen_addresses};
}

void Kademlia::Impl::look_up_addresses() {
  addresses_at_ = now();
  behaviour_.set_addresses(host_.addresses());
}

// Time, and what the behaviour decides.

void Kademlia::Impl::pump() {
  if (closed_) return;
  for (Request& request : behaviour_.take_requests()) tasks_.spawn(ask(shared_from_this(), std::move(request)));
  for (QueryResult& result : behaviour_.take_finished()) {
    const auto waiter = waiters_.find(result.id);
    if (waiter == waiters_.end()) continue;
    waiter->second->result = std::move(result);
    waiter->second->ended.notify_all();
    waiters_.erase(waiter);
  }
  schedule_tick();
}

void Kademlia::Impl::schedule_tick() {
  const base::TimePoint next = std::max(behaviour_.next_tick(now()), now() + kTickMin);
  if (tick_timer_ && next == tick_at_) return;
  tick_at_ = next;
  tick_timer_ = clock_.call_at(next, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->tick();
  });
}

void Kademlia::Impl::tick() {
  if (closed_) return;
  tick_timer_.reset();
  if (now() >= addresses_at_ + kAddressesInterval) look_up_addresses();
  behaviour_.tick(now());
  pump();
}

// What peers ask of us: whether, and how many at once.

void Kademlia::Impl::set_mode(Mode mode) {
  if (closed_) return;
  mode_ = mode;
  serve_protocol(mode == Mode::kServer);
}

void Kademlia::Impl::serve_protocol(bool serves) {
  if (serves == is_server_) return;
  is_server_ = serves;
  if (!serves) return host_.remove_stream_handler(behaviour_.config().protocol);
  const auto handler = [weak = weak_from_this()](ConnectionPtr connection, std::unique_ptr<Stream> stream) {
    if (const auto self = weak.lock()) self->accept(connection, std::move(stream));
    return nothing();
  };
  host_.set_stream_handler(behaviour_.config().protocol, handler);
}

void Kademlia::Impl::accept(const ConnectionPtr& connection, std::unique_ptr<Stream> stream) {
  const Limits& limits = behaviour_.config().limits;
  if (closed_ || connection->is_closed() || inbound_streams_ >= limits.inbound_streams_max) return;
  const PeerId& peer = connection->remote_peer();
  Inbound& inbound =
      inbound_.try_emplace(peer, Inbound{RateBudget(limits.requests_burst, limits.request_interval)}).first->second;
  // One that is destroyed is reset.
  if (inbound.streams >= limits.inbound_streams_per_peer_max) return;
  ++inbound.streams;
  ++inbound_streams_;
  const Requester from{peer, seen_at(*connection)};
  tasks_.spawn(serve(shared_from_this(), from, std::move(stream)));
}

}  // namespace libp2p::kad
