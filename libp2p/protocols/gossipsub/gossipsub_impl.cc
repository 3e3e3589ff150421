#include "libp2p/protocols/gossipsub/gossipsub_impl.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/records/peer_record.h"

#include <algorithm>

namespace libp2p::gossipsub {

using multiformats::PeerId;

namespace {

/// For what is queued for a peer to be sent when we close.
constexpr base::Duration kFarewellTimeout = std::chrono::seconds(2);
/// Peers suggested by others that are dialled at once.
constexpr std::size_t kDialsMax = 8;

bool is_topic(const std::string& topic) { return !topic.empty() && topic.size() <= kTopicBytesMax; }

bool speaks_gossipsub(const PeerInfo& info) {
  return std::any_of(info.protocols.begin(), info.protocols.end(),
                     [](const std::string& each) { return each == kProtocol11 || each == kProtocol12; });
}

PeerTraits traits_of(const Connection& connection) {
  PeerTraits traits{.is_outbound = connection.is_dialler()};
  const auto& address = connection.remote_address();
  if (address.has(multiformats::AddrProtocol::kP2pCircuit)) return traits;
  if (const auto endpoint = address.tcp_endpoint()) traits.address = endpoint->address;
  return traits;
}

}  // namespace

Gossipsub::Impl::Impl(const base::Executor& executor, base::Clock& clock, Host& host, Config config)
    : executor_(executor),
      clock_(clock),
      host_(host),
      config_(std::move(config)),
      router_(host.peer_id(), config_),
      tasks_(executor),
      next_seqno_(config_.first_seqno ? *config_.first_seqno : unix_time_ns()) {}

void Gossipsub::Impl::start() {
  const std::weak_ptr<Impl> weak = weak_from_this();
  // The host's events outlive us.
  host_.on_identified([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->connected(connection);
  });
  host_.on_disconnected([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->disconnected(connection);
  });
  for (const char* protocol : {kProtocol11, kProtocol12}) {
    host_.set_stream_handler(protocol,
                             [weak](ConnectionPtr connection, std::unique_ptr<Stream> stream) -> base::Task<> {
                               const auto self = weak.lock();
                               if (self && !self->closed_ && !connection->is_closed() && !connection->is_limited()) {
                                 auto link = self->link_to(*connection);
                                 self->tasks_.spawn(serve(self, std::move(link), std::move(stream)));
                               }
                               return nothing();
                             });
  }
  for (const ConnectionPtr& connection : host_.connections()) connected(connection);
  // Nodes that start together are not to have their heartbeats together.
  std::mt19937_64 random(config_.seed);
  const auto interval = config_.mesh.heartbeat_interval.count();
  begin_heartbeats(base::Duration(std::uniform_int_distribution<base::Duration::rep>(interval / 10, interval)(random)));
}

base::Task<> Gossipsub::Impl::nothing() { co_return; }

// The interface.

base::Result<> Gossipsub::Impl::subscribe(const std::string& topic, Validator validator, MessageHandler handler) {
  if (closed_) return Errc::kClosed;
  if (!is_topic(topic)) return Errc::kBadTopic;
  if (topics_.contains(topic)) return Errc::kAlreadySubscribed;
  topics_[topic] = std::make_shared<const Topic>(Topic{std::move(validator), std::move(handler)});
  router_.join(topic, clock_.now());
  flush();
  return {};
}

void Gossipsub::Impl::unsubscribe(const std::string& topic) {
  if (closed_ || topics_.erase(topic) == 0) return;
  router_.leave(topic, clock_.now());
  flush();
}

base::Result<> Gossipsub::Impl::publish(const std::string& topic, base::ConstBytes data) {
  if (closed_) return Errc::kClosed;
  if (!is_topic(topic)) return Errc::kBadTopic;
  if (data.size() > config_.limits.message_bytes_max) return Errc::kMessageTooLong;
  router_.publish(sign_message(config_.key, next_seqno_++, topic, data, config_.message_id), clock_.now());
  flush();
  return {};
}

Stats Gossipsub::Impl::stats() const {
  Stats stats{.router = router_.stats(), .peers = router_.peer_count(), .validating = validating_};
  for (const auto& [peer, link] : links_) stats.queued_bytes += link->queue.bytes();
  stats.seen = router_.seen().size();
  stats.cached_bytes = router_.cache().bytes();
  stats.dropped = dropped_;
  stats.streams_reset = streams_reset_;
  return stats;
}

base::Task<> Gossipsub::Impl::close(Self self) {
  if (!self->closed_) {
    const auto topics = std::exchange(self->topics_, {});
    for (const auto& [topic, subscription] : topics) self->router_.leave(topic, self->clock_.now());
    self->flush();
    self->closed_ = true;
    self->heartbeat_timer_.reset();
    for (const char* protocol : {kProtocol11, kProtocol12}) self->host_.remove_stream_handler(protocol);
    for (const auto& [peer, link] : self->links_) {
      link->closing = true;
      if (link->inbound) link->inbound->reset();
      // One that has not taken what came before has not earned a farewell.
      if (!link->outbound || link->is_writing) link->end();
      link->notify();
    }
  }
  ScopedDeadline deadline(self->clock_, self->clock_.now() + kFarewellTimeout, [raw = self.get()] {
    for (const auto& [peer, link] : raw->links_) link->end();
  });
  co_await self->tasks_.wait_until_empty();
  self->links_.clear();
}

// Peers.

void Gossipsub::Impl::connected(const ConnectionPtr& connection) {
  // What a relay carries only so much of is for agreeing on a better connection.
  if (closed_ || connection->is_closed() || connection->is_limited()) return;
  const auto info = host_.peer_info(connection->remote_peer());
  if (info && speaks_gossipsub(*info)) link_to(*connection);
}

void Gossipsub::Impl::disconnected(const ConnectionPtr& connection) {
  const auto found = links_.find(connection->remote_peer());
  if (found != links_.end() && !connection_to(connection->remote_peer())) remove_link(found->second);
}

PeerLinkPtr Gossipsub::Impl::link_to(const Connection& connection) {
  const PeerId peer = connection.remote_peer();
  PeerLinkPtr& link = links_[peer];
  if (!link) {
    link = std::make_shared<PeerLink>(executor_, peer, config_.limits.queued_bytes_max);
    router_.add_peer(peer, traits_of(connection));
    flush();
  }
  PeerLinkPtr result = link;
  begin_outbound(result);
  return result;
}

void Gossipsub::Impl::remove_link(PeerLinkPtr link) {
  const auto found = links_.find(link->peer);
  if (found == links_.end() || found->second != link) return;
  link->end();
  links_.erase(found);
  router_.remove_peer(link->peer, clock_.now());
  flush();
}

Gossipsub::Impl::ConnectionPtr Gossipsub::Impl::connection_to(const PeerId& peer) const {
  ConnectionPtr result;
  for (const ConnectionPtr& connection : host_.connections_to(peer)) {
    if (!result || result->is_superseded()) result = connection;
  }
  return result;
}

// What the router decides.

void Gossipsub::Impl::begin_heartbeats(base::Duration first) {
  heartbeat_timer_ = clock_.call_at(clock_.now() + first, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->heartbeat();
  });
}

void Gossipsub::Impl::heartbeat() {
  if (closed_) return;
  router_.heartbeat(clock_.now());
  flush();
  begin_heartbeats(config_.mesh.heartbeat_interval);
  leave_superseded();
  tell_of_graylisted();
}

void Gossipsub::Impl::leave_superseded() {
  for (const auto& [peer, link] : links_) {
    const ConnectionPtr connection = link->outbound_connection.lock();
    if (!link->outbound || !connection || !connection->is_superseded()) continue;
    link->outbound_failed = true;
    link->notify();
  }
}

void Gossipsub::Impl::tell_of_graylisted() {
  if (!config_.on_graylisted) return;
  std::vector<PeerId> peers;
  for (const auto& [peer, link] : links_) {
    if (router_.is_graylisted(peer)) peers.push_back(peer);
  }
  for (const PeerId& peer : peers) config_.on_graylisted(peer);
}

void Gossipsub::Impl::flush() {
  for (Send& send : router_.drain()) {
    const auto found = links_.find(send.to);
    if (found == links_.end()) continue;
    PeerLink& link = *found->second;
    const auto outcome = link.queue.push(send.kind, std::move(send.frame));
    if (outcome == SendQueue::Outcome::kQueued) link.notify();
    if (outcome != SendQueue::Outcome::kQueued) ++dropped_;
    // It would not know what we are subscribed to: it is told all of it on a new stream.
    if (outcome == SendQueue::Outcome::kOverflow) reset_stream(link.outbound.get());
  }
  dial_suggested();
}

void Gossipsub::Impl::reset_stream(Stream* stream) {
  if (!stream) return;
  ++streams_reset_;
  stream->reset();
}

void Gossipsub::Impl::dial_suggested() {
  for (const PrunePeer& suggested : router_.take_suggested()) {
    if (!config_.mesh.accept_peer_exchange || closed_ || dials_ >= kDialsMax) continue;
    auto record = open_peer_record(suggested.signed_record);
    if (!record || record->peer != suggested.peer || connection_to(record->peer)) continue;
    ++dials_;
    tasks_.spawn(dial(shared_from_this(), record->peer, std::move(record->addresses)));
  }
}

base::Task<> Gossipsub::Impl::dial(Self self, PeerId peer, std::vector<multiformats::Multiaddr> addresses) {
  auto connection = co_await self->host_.connect(peer, std::move(addresses));
  --self->dials_;
  if (!connection) LOG_DEBUG("{}, suggested by a peer: {}", peer.short_text(), connection.error().message());
}

}  // namespace libp2p::gossipsub
