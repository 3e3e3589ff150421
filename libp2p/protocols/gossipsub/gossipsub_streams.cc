// The streams of GossipSub's peers.
#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/message_reader.h"
#include "libp2p/protocols/gossipsub/gossipsub_impl.h"

#include <algorithm>

namespace libp2p::gossipsub {

using multiformats::PeerId;

namespace {

/// A stream that was lost is opened again after so long, then twice as long and so on.
constexpr base::Duration kReopenAfter = std::chrono::seconds(1);
constexpr base::Duration kReopenAfterMax = std::chrono::minutes(1);
/// How often it is looked whether a graylisted peer's score has got better.
constexpr base::Duration kGraylistedPoll = std::chrono::seconds(1);
/// What an RPC counts for at least, of the bytes that are read from a peer.
constexpr std::size_t kRpcBytesMin = 256;
/// Messages of one RPC that are looked at before others have their turn.
constexpr std::size_t kMessagesAtOnce = 16;

}  // namespace

// Ours to a peer.

void Gossipsub::Impl::begin_outbound(const PeerLinkPtr& link) {
  if (std::exchange(link->is_running, true)) return;
  tasks_.spawn(run_outbound(shared_from_this(), link));
}

base::Task<> Gossipsub::Impl::run_outbound(Self self, PeerLinkPtr link) {
  base::Duration pause = kReopenAfter;
  for (;;) {
    const base::TimePoint begin = self->clock_.now();
    auto end = co_await run_outbound_once(self, link);
    if (link->gone || link->closing) break;
    // Tried again when it opens a stream to us, or tells of its protocols anew.
    if (!end && end.error() == Error::kProtocolNotSupported) break;
    if (!self->connection_to(link->peer)) break;
    if (end) {
      link->queue.clear();
      self->router_.outbound_lost(link->peer);
      self->flush();
      if (self->clock_.now() - begin >= kReopenAfterMax) pause = kReopenAfter;
    }
    co_await wait_on_link(link, self->clock_, self->clock_.now() + pause);
    pause = std::min(2 * pause, kReopenAfterMax);
    if (link->gone || link->closing) break;
  }
  link->is_running = false;
}

base::Task<base::Result<WriteEnd>> Gossipsub::Impl::run_outbound_once(Self self, PeerLinkPtr link) {
  const ConnectionPtr connection = self->connection_to(link->peer);
  if (!connection) co_return Error::kNotConnected;
  std::vector<std::string> protocols{kProtocol12, kProtocol11};
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  const std::shared_ptr<Stream> stream = std::move(opened->stream);
  if (link->gone || link->closing) co_return WriteEnd::kFailed;
  link->outbound = stream;
  link->outbound_connection = connection;
  link->outbound_failed = false;
  self->router_.set_takes_idontwant(link->peer, opened->protocol == kProtocol12);
  self->tasks_.spawn(watch_outbound(link, stream));
  const auto end = co_await write_queue(link, stream, self->clock_, self->config_.limits.write_timeout);
  link->outbound.reset();
  // Ends watch_outbound() too. One that was closed has its bytes on their way already.
  if (end == WriteEnd::kFailed) stream->reset();
  co_return end;
}

// A peer's to us.

base::Task<> Gossipsub::Impl::serve(Self self, PeerLinkPtr link, std::shared_ptr<Stream> stream) {
  // The newer one counts: the peer may have lost the other.
  if (link->inbound) link->inbound->reset();
  link->inbound = stream;
  self->router_.inbound_restarted(link->peer);
  while (!self->closed_ && !link->gone && link->inbound == stream) {
    // Not read at all: what it sends then costs us nothing but the stream's window.
    if (self->router_.is_graylisted(link->peer)) {
      co_await wait_on_link(link, self->clock_, self->clock_.now() + kGraylistedPoll);
      continue;
    }
    auto bytes = co_await read_message(*stream, self->clock_, self->config_.limits.rpc_bytes_max);
    if (link->inbound != stream || link->gone || self->closed_) break;
    if (!bytes && (bytes.error() == Error::kMessageTooLong || bytes.error() == Error::kMalformedMessage)) {
      self->router_.malformed(link->peer);
      self->reset_stream(stream.get());
    }
    if (!bytes || !*bytes) break;
    const base::TimePoint read_on = self->count_read(*link, (*bytes)->size());
    co_await receive(self, link, std::move(**bytes));
    if (read_on <= self->clock_.now()) continue;
    self->router_.excuse_promises(link->peer);
    co_await wait_on_link(link, self->clock_, read_on);
  }
  if (link->inbound != stream) co_return;
  link->inbound.reset();
  if (!link->gone && !self->closed_) self->router_.inbound_restarted(link->peer);
}

base::TimePoint Gossipsub::Impl::count_read(PeerLink& link, std::size_t bytes) const {
  const Limits& limits = config_.limits;
  const std::size_t rate = router_.is_in_mesh(link.peer) ? limits.mesh_read_bytes_per_s : limits.read_bytes_per_s;
  return link.bytes_read(std::max(bytes, kRpcBytesMin), clock_.now(), rate, limits.read_bytes_burst);
}

base::Task<> Gossipsub::Impl::receive(Self self, PeerLinkPtr link, base::Bytes bytes) {
  auto rpc = parse_rpc(bytes);
  if (!rpc) {
    LOG_DEBUG("what {} sent is no RPC", link->peer.short_text());
    self->router_.malformed(link->peer);
    if (link->inbound) self->reset_stream(link->inbound.get());
    co_return;
  }
  for (std::size_t i = 0; i < rpc->publish.size(); ++i) {
    if (i > 0 && i % kMessagesAtOnce == 0) {
      co_await base::yield_now();
      if (link->gone || self->closed_) co_return;
    }
    self->receive_message(link, rpc->publish[i]);
  }
  if (link->gone || self->closed_) co_return;
  self->router_.receive_control(link->peer, std::move(*rpc), self->clock_.now());
  self->flush();
}

bool Gossipsub::Impl::has_room_to_validate(const PeerLink& link, std::size_t bytes) const {
  return link.validating < config_.limits.validations_per_peer_max && validating_ < config_.limits.validations_max &&
         validating_bytes_ + bytes <= config_.limits.validation_bytes_max;
}

void Gossipsub::Impl::receive_message(const PeerLinkPtr& link, const RawMessage& raw) {
  const std::size_t bytes = raw.data ? raw.data->size() : 0;
  const auto message = router_.receive_message(link->peer, raw, has_room_to_validate(*link, bytes), clock_.now());
  flush();
  if (!message) return;
  const auto topic = topics_.find(message->topic);
  if (topic == topics_.end()) return;
  if (!topic->second->validator) return deliver(link->peer, topic->second, message, Validation::kAccept);
  ++link->validating;
  ++validating_;
  validating_bytes_ += message->frame->size();
  tasks_.spawn(validate(shared_from_this(), link, topic->second, message));
}

base::Task<> Gossipsub::Impl::validate(Self self, PeerLinkPtr link, std::shared_ptr<const Topic> topic,
                                       MessagePtr message) {
  const Validation validation = co_await topic->validator(link->peer, message);
  --link->validating;
  --self->validating_;
  self->validating_bytes_ -= message->frame->size();
  if (!self->closed_) self->deliver(link->peer, topic, message, validation);
}

void Gossipsub::Impl::deliver(const PeerId& from, std::shared_ptr<const Topic> topic, const MessagePtr& message,
                              Validation validation) {
  // The subscription may have ended meanwhile, and begun anew.
  const auto found = topics_.find(message->topic);
  const bool is_current = found != topics_.end() && found->second == topic;
  router_.validated(from, message, is_current ? validation : Validation::kIgnore, clock_.now());
  flush();
  if (is_current && validation == Validation::kAccept && topic->handler) topic->handler(from, message);
}

}  // namespace libp2p::gossipsub
