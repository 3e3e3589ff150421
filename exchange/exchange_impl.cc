#include "exchange/exchange_impl.h"

#include "base/log.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "index/block_index.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "wire/limits.h"

#include <algorithm>
#include <cassert>
#include <unordered_set>

namespace kvp2p {

namespace {

std::uint64_t random_epoch() {
  std::array<std::uint8_t, 8> bytes;
  base::random_bytes(bytes);
  return base::load_le64(bytes.data());
}

const char* text_of(Offence offence) {
  switch (offence) {
    case Offence::kWrongBytes:
      return "has sent bytes that are not those of the block";
    case Offence::kRefusedGet:
      return "has not sent, time and again, what it said it has";
    case Offence::kBrokenPromise:
      return "has none of the blocks that it announces";
    case Offence::kFlood:
      break;
  }
  return "asks or announces far more than it may";
}

}  // namespace

std::unique_ptr<Exchange> Exchange::create(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
                                           std::shared_ptr<StagingPool> staging, LocalBlocks& local, BlockIndex& index,
                                           ExchangeConfig config) {
  assert(config.open || config.cluster_key.size() == kClusterKeyBytes);
  assert(config.cluster_key.empty() || config.cluster_key.size() == kClusterKeyBytes);
  auto context = std::shared_ptr<NodeContext>(new NodeContext{executor,
                                                              clock,
                                                              host,
                                                              std::move(staging),
                                                              local,
                                                              index,
                                                              std::move(config),
                                                              random_epoch(),
                                                              {},
                                                              {},
                                                              false,
                                                              base::Signal(executor),
                                                              0,
                                                              base::Signal(executor),
                                                              0});
  if (context->config.open) LOG_WARN("open mode: this node serves its KV blocks to anyone who connects");
  auto exchange = std::make_unique<ExchangeImpl>(std::move(context));
  exchange->start();
  return exchange;
}

ExchangeImpl::ExchangeImpl(std::shared_ptr<NodeContext> context)
    : context_(std::move(context)),
      anchor_(std::make_shared<Anchor>(Anchor{this})),
      announcer_(context_,
                 [this](const std::vector<wire::Announce>& messages) {
                   for (const auto& session : std::vector(sessions_)) {
                     if (!session->is_up() || session->hears_gossip()) continue;
                     for (const auto& message : messages) {
                       if (session->may(Right::kRead, message.fingerprint)) session->announce(message);
                     }
                   }
                 }),
      direct_paths_(context_) {}

ExchangeImpl::~ExchangeImpl() { anchor_->exchange = nullptr; }

void ExchangeImpl::start() {
  context_->host.set_stream_handler(
      std::string(wire::kProtocolId),
      [anchor = anchor_](std::shared_ptr<libp2p::Connection> connection, std::unique_ptr<libp2p::Stream> stream) {
        return serve(anchor, std::move(connection), std::move(stream));
      });
  context_->host.set_data_handler(
      [anchor = anchor_](libp2p::DataConnection connection) { return serve_data(anchor, std::move(connection)); });
  context_->host.on_connected([anchor = anchor_](std::shared_ptr<libp2p::Connection> connection) {
    if (anchor->exchange != nullptr) anchor->exchange->open_to(connection);
  });
  context_->host.on_disconnected([anchor = anchor_](std::shared_ptr<libp2p::Connection> connection) {
    if (anchor->exchange == nullptr) return;
    for (const auto& session : std::vector(anchor->exchange->sessions_)) {
      if (session->connection() == connection) session->end(ExchangeError::kPeerGone);
    }
    anchor->exchange->context_->closing_changed.notify_all();  // a pause before opening again is over
  });
  for (const auto& connection : context_->host.connections()) open_to(connection);
}

// The dialler of a connection opens its control stream, so that there is one.
void ExchangeImpl::open_to(const std::shared_ptr<libp2p::Connection>& connection) {
  // What a relay carries only so much of is for agreeing on a better connection.
  if (is_banned(connection->remote_peer())) return connection->close();
  if (context_->closing || !connection->is_dialler() || connection->is_limited()) return;
  spawn_counted(context_, keep_session(connection));
}

base::Task<> ExchangeImpl::keep_session(std::shared_ptr<libp2p::Connection> connection) {
  base::Duration delay = kReopenDelay;
  while (!context_->closing && !connection->is_closed() && !connection->is_superseded()) {
    auto stream = co_await open_stream(context_, connection);
    if (stream) {
      const bool was_up = co_await run_session(connection, std::move(*stream), std::nullopt);
      if (was_up) delay = kReopenDelay;
    } else if (stream.error() == libp2p::Error::kProtocolNotSupported) {
      co_return;
    }
    if (context_->closing || connection->is_closed() || connection->is_superseded()) co_return;
    co_await pause(context_, delay, connection);
    delay = std::min(2 * delay, kReopenDelayMax);
  }
}

base::Task<bool> ExchangeImpl::run_session(std::shared_ptr<libp2p::Connection> connection,
                                           std::unique_ptr<libp2p::Stream> stream, std::optional<wire::Hello> theirs) {
  auto session = std::make_shared<Session>(context_, *this, std::move(connection), std::move(stream));
  sessions_.push_back(session);
  if (context_->closing) session->end(ExchangeError::kClosing);
  co_return co_await session->run(std::move(theirs));
}

base::Task<> ExchangeImpl::serve(std::shared_ptr<Anchor> anchor, std::shared_ptr<libp2p::Connection> connection,
                                 std::unique_ptr<libp2p::Stream> stream) {
  if (anchor->exchange == nullptr || anchor->exchange->context_->closing) {
    stream->reset();
    co_return;
  }
  RunningGuard guard(anchor->exchange->context_);
  co_await anchor->exchange->serve_stream(std::move(connection), std::move(stream));
}

base::Task<> ExchangeImpl::serve_stream(std::shared_ptr<libp2p::Connection> connection,
                                        std::unique_ptr<libp2p::Stream> stream) {
  if (connection->is_limited() || is_banned(connection->remote_peer())) co_return stream->reset();
  auto first = co_await first_message(*stream);
  if (!first || context_->closing) {
    stream->reset();
    co_return;
  }
  if (auto* hello = std::get_if<wire::Hello>(&first->body); hello != nullptr && !connection->is_dialler()) {
    // A new control stream on the same connection: the peer has given up the old one.
    for (const auto& old : std::vector(sessions_)) {
      if (old->connection() == connection) old->end(ExchangeError::kPeerGone);
    }
    std::optional<wire::Hello> theirs = std::move(*hello);
    co_await run_session(std::move(connection), std::move(stream), std::move(theirs));
    co_return;
  }
  if (auto* open = std::get_if<wire::StreamOpen>(&first->body)) {
    // Nothing else of sessions_ may be held here: the stream may last for long.
    if (auto session = session_named(connection->remote_peer(), open->session)) {
      co_await session->serve_data_stream(std::move(connection), std::move(stream), open->number);
      co_return;
    }
    if (context_->log_once.first(connection->remote_peer(), "stream_open")) {
      LOG_WARN("peer {} opened a data stream that belongs to no session of its own",
               connection->remote_peer().to_text());
    }
  }
  stream->reset();
}

base::Task<> ExchangeImpl::serve_data(std::shared_ptr<Anchor> anchor, libp2p::DataConnection connection) {
  if (anchor->exchange == nullptr || anchor->exchange->context_->closing) {
    connection.stream->reset();
    co_return;
  }
  RunningGuard guard(anchor->exchange->context_);
  co_await anchor->exchange->serve_data_connection(std::move(connection));
}

base::Task<> ExchangeImpl::serve_data_connection(libp2p::DataConnection connection) {
  auto first = co_await first_message(*connection.stream);
  auto* open = first ? std::get_if<wire::StreamOpen>(&first->body) : nullptr;
  auto session = open != nullptr && !context_->closing ? session_named(connection.remote_peer, open->session) : nullptr;
  if (session) {
    session->serve_data_connection(std::move(connection), open->number);
    co_return;
  }
  if (context_->log_once.first(connection.remote_peer, "data connection opened")) {
    LOG_WARN("peer {} opened a data connection that belongs to no session of its own",
             connection.remote_peer.to_text());
  }
  connection.stream->reset();
}

std::shared_ptr<Session> ExchangeImpl::session_named(const multiformats::PeerId& peer,
                                                     const wire::SessionId& id) const {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [&](const auto& session) { return session->is_opened_by(peer, id); });
  return found == sessions_.end() ? nullptr : *found;
}

base::Task<base::Result<wire::Message>> ExchangeImpl::first_message(libp2p::Stream& stream) {
  new_streams_.insert(&stream);
  libp2p::ScopedDeadline deadline(context_->clock, context_->clock.now() + kHelloTimeout,
                                  [&stream] { stream.reset(); });
  auto first = co_await read_first_message(stream);
  new_streams_.erase(&stream);
  co_return first;
}

void ExchangeImpl::on_session_up(const std::shared_ptr<Session>& session) {
  const KvPeer peer = session->describe();
  LOG_INFO("peer {} is up", peer.id.to_text());
  ++context_->sessions_up;
  direct_paths_.on_session_up(session);
  for (const auto& call : on_peer_) call(peer);
  if (has_superseded(peer.id)) spawn_counted(context_, end_superseded_later(context_, anchor_, peer.id));
}

void ExchangeImpl::policy_changed(const std::function<bool(const multiformats::PeerId&)>& is_same) {
  for (const auto& session : std::vector(sessions_)) {
    if (!is_same(session->peer())) session->end(ExchangeError::kRightsChanged);
  }
}

void ExchangeImpl::on_session_ended(const std::shared_ptr<Session>& session) {
  std::erase(sessions_, session);
  if (session->was_up()) --context_->sessions_up;
  if (session_with(session->peer())) return;
  context_->index.forget(session->peer());
  direct_paths_.on_peer_gone(session->peer());
  if (!context_->closing) spawn_counted(context_, give_up_leases_later(context_, anchor_, session->peer()));
}

base::Task<> ExchangeImpl::give_up_leases_later(std::shared_ptr<NodeContext> context, std::shared_ptr<Anchor> anchor,
                                                multiformats::PeerId peer) {
  co_await pause(context, kLostPeerLinger);
  if (anchor->exchange == nullptr || context->closing || anchor->exchange->session_with(peer)) co_return;
  context->local.release_all(peer);
}

// Who does wrong.

void ExchangeImpl::note(const multiformats::PeerId& peer, Offence offence) {
  if (!context_->conduct.note(peer, offence, context_->clock.now())) return;
  ++context_->stats.peers_banned;
  LOG_WARN("peer {} {}: it is disconnected, and kept away for {} min", peer.to_text(), text_of(offence),
           std::chrono::duration_cast<std::chrono::minutes>(Conduct::kBanTime).count());
  // Not now: it is told of from within what is to end.
  boost::asio::post(context_->executor, [anchor = anchor_, peer] {
    if (anchor->exchange != nullptr) anchor->exchange->drop(peer);
  });
}

void ExchangeImpl::note_good(const multiformats::PeerId& peer) {
  context_->conduct.note_good(peer, context_->clock.now());
}

bool ExchangeImpl::is_banned(const multiformats::PeerId& peer) const {
  return context_->conduct.is_banned(peer, context_->clock.now());
}

void ExchangeImpl::drop(const multiformats::PeerId& peer) {
  context_->index.forget_all(peer);
  for (const auto& session : std::vector(sessions_)) {
    if (session->peer() == peer) session->end(ExchangeError::kPeerGone);
  }
  context_->host.disconnect(peer);
}

bool ExchangeImpl::has_superseded(const multiformats::PeerId& peer) const {
  return std::any_of(sessions_.begin(), sessions_.end(), [&](const auto& session) {
    return session->peer() == peer && session->connection()->is_superseded();
  });
}

base::Task<> ExchangeImpl::end_superseded_later(std::shared_ptr<NodeContext> context, std::shared_ptr<Anchor> anchor,
                                                multiformats::PeerId peer) {
  co_await pause(context, kSupersededLinger);
  if (anchor->exchange != nullptr && !context->closing) anchor->exchange->end_superseded(peer);
}

void ExchangeImpl::end_superseded(const multiformats::PeerId& peer) {
  const auto serves = [&](const std::shared_ptr<Session>& session) {
    return session->is_up() && session->peer() == peer && !session->connection()->is_superseded();
  };
  // Not before the other one is up, so that the peer stays known all the time.
  if (std::none_of(sessions_.begin(), sessions_.end(), serves)) return;
  for (const auto& session : std::vector(sessions_)) {
    if (session->peer() == peer && session->connection()->is_superseded()) session->end(ExchangeError::kPeerGone);
  }
}

std::vector<KvPeer> ExchangeImpl::peers() const {
  std::vector<KvPeer> known;
  std::unordered_set<multiformats::PeerId> told;
  for (const auto& session : sessions_) {
    if (session->is_up() && told.insert(session->peer()).second) known.push_back(session->describe());
  }
  return known;
}

std::optional<KvPeer> ExchangeImpl::peer(const multiformats::PeerId& id) const {
  const auto session = session_with(id);
  return session ? std::optional(session->describe()) : std::nullopt;
}

std::shared_ptr<Session> ExchangeImpl::session_with(const multiformats::PeerId& peer) const {
  std::shared_ptr<Session> superseded;
  for (const auto& session : sessions_) {
    if (!session->is_up() || session->peer() != peer) continue;
    if (!session->connection()->is_superseded()) return session;
    superseded = session;
  }
  return superseded;
}

std::shared_ptr<Session> ExchangeImpl::any_session_with(const multiformats::PeerId& peer) const {
  auto up = session_with(peer);
  if (up) return up;
  for (const auto& session : sessions_) {
    if (session->has_said_hello() && session->peer() == peer) return session;
  }
  return nullptr;
}

base::Error ExchangeImpl::why_no_session(const multiformats::PeerId& peer) const {
  if (context_->closing) return ExchangeError::kClosing;
  return any_session_with(peer) ? ExchangeError::kNotAuthorised : ExchangeError::kNotConnected;
}

base::Task<base::Result<LookupAnswer>> ExchangeImpl::lookup(multiformats::PeerId peer, LookupRequest request,
                                                            base::TimePoint deadline) {
  auto session = session_with(peer);
  if (!session) co_return why_no_session(peer);
  co_await direct_paths_.wait_opening(session, deadline);
  co_return co_await session->lookup(std::move(request), deadline);
}

std::unique_ptr<Fetch> ExchangeImpl::fetch(FetchRequest request, FetchSink& sink, base::TimePoint deadline) {
  auto session = session_with(request.peer);
  if (!session) return failed_fetch(context_, sink, why_no_session(request.peer));
  return session->fetch(std::move(request), sink, deadline);
}

base::Task<base::Result<std::size_t>> ExchangeImpl::put(multiformats::PeerId peer, LookupRequest description,
                                                        std::vector<PutBlock> blocks, base::TimePoint deadline) {
  auto session = session_with(peer);
  if (!session) co_return why_no_session(peer);
  co_return co_await session->put(std::move(description), std::move(blocks), deadline);
}

void ExchangeImpl::release(const multiformats::PeerId& peer, const LeaseToken& lease) {
  if (auto session = session_with(peer)) session->release(lease);
}

void ExchangeImpl::announce_stored(const Fingerprint& fingerprint, const ObjectFormat& format, const BlockKey& key) {
  announcer_.stored(fingerprint, format, key);
}

void ExchangeImpl::announce_evicted(const Fingerprint& fingerprint, const BlockKey& key) {
  announcer_.evicted(fingerprint, key);
}

bool ExchangeImpl::may(const multiformats::PeerId& peer, Right right, const Fingerprint& space) const {
  const auto session = session_with(peer);
  return session && session->may(right, space);
}

bool ExchangeImpl::key_holder_may(const multiformats::PeerId& peer, Right right, const Fingerprint& space) const {
  const AccessControl* access = context_->config.access.get();
  return access == nullptr || access->may(peer, true, right, space);
}

base::Task<base::Result<base::Duration>> ExchangeImpl::ping(multiformats::PeerId peer, base::TimePoint deadline) {
  auto session = any_session_with(peer);
  if (!session) co_return why_no_session(peer);
  co_return co_await session->ping(deadline);
}

base::Task<base::Result<std::vector<std::pair<std::string, std::uint64_t>>>> ExchangeImpl::remote_stats(
    multiformats::PeerId peer, base::TimePoint deadline) {
  auto session = session_with(peer);
  if (!session) co_return why_no_session(peer);
  co_return co_await session->stats(deadline);
}

base::Task<> ExchangeImpl::close() {
  context_->closing = true;
  context_->closing_changed.notify_all();
  announcer_.stop();
  for (auto* stream : new_streams_) stream->reset();
  for (const auto& session : std::vector(sessions_)) session->end(ExchangeError::kClosing);
  while (context_->running > 0) co_await context_->running_changed.wait();
}

}  // namespace kvp2p
