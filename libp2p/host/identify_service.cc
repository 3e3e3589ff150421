#include "libp2p/host/identify_service.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/protocols/identify/identify_protocol.h"

#include <algorithm>
#include <chrono>

namespace libp2p {

namespace {

/// Some add the peer's id to addresses.
std::vector<multiformats::Multiaddr> without_peer(const std::vector<multiformats::Multiaddr>& addresses) {
  std::vector<multiformats::Multiaddr> result;
  for (const auto& address : addresses) result.push_back(address.without_peer());
  return result;
}

/// Adds a push to an earlier one: what it lacks has not changed.
void update(std::optional<IdentifyMessage>& pushed, IdentifyMessage push) {
  if (!pushed) {
    pushed = std::move(push);
    return;
  }
  if (push.agent_version) pushed->agent_version = std::move(push.agent_version);
  if (push.observed_address) pushed->observed_address = std::move(push.observed_address);
  if (!push.protocols.empty()) pushed->protocols = std::move(push.protocols);
  if (push.listen_addresses.empty() && !push.signed_peer_record) return;
  pushed->listen_addresses = std::move(push.listen_addresses);
  pushed->signed_peer_record = std::move(push.signed_peer_record);
}

}  // namespace

IdentifyService::IdentifyService(base::Clock& clock, TaskGroup tasks, Own own, OpenPeerRecord open_record,
                                 std::function<void(std::shared_ptr<Connection>)> identified)
    : clock_(clock),
      tasks_(std::move(tasks)),
      own_(std::move(own)),
      open_record_(std::move(open_record)),
      own_id_(multiformats::PeerId::from_public_key(own_.key.public_key())),
      identified_(std::move(identified)) {
  StreamHandler identify_handler = [this](std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream) {
    return serve_identify(std::move(connection), std::move(stream));
  };
  StreamHandler push_handler = [this](std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream) {
    return serve_push(std::move(connection), std::move(stream));
  };
  own_.protocols->emplace(kIdentifyProtocol,
                          ServedProtocol{std::move(identify_handler), kIdentifyStreamsPerConnectionMax});
  own_.protocols->emplace(kIdentifyPushProtocol,
                          ServedProtocol{std::move(push_handler), kIdentifyStreamsPerConnectionMax});
}

void IdentifyService::connected(std::shared_ptr<HostConnection> connection) {
  exchanges_.emplace(connection.get(), Exchange{.connection = connection, .number = connections_++, .told = version_});
  tasks_.spawn(identify(std::move(connection)));
}

void IdentifyService::disconnected(const std::shared_ptr<HostConnection>& connection) {
  exchanges_.erase(connection.get());
  const auto same_peer = [&connection](const auto& each) {
    return each.second.connection->remote_peer() == connection->remote_peer();
  };
  if (std::none_of(exchanges_.begin(), exchanges_.end(), same_peer)) peers_.erase(connection->remote_peer());
}

std::optional<PeerInfo> IdentifyService::peer_info(const multiformats::PeerId& peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return std::nullopt;
  return found->second.info;
}

IdentifyService::Exchange* IdentifyService::find(const Connection& connection) {
  const auto found = exchanges_.find(&connection);
  return found == exchanges_.end() ? nullptr : &found->second;
}

// What peers tell.

base::Task<> IdentifyService::identify(std::shared_ptr<HostConnection> connection) {
  std::vector<std::string> protocols{std::string(kIdentifyProtocol)};
  auto stream = co_await connection->new_stream(std::move(protocols));
  base::Result<IdentifyMessage> message = Error::kConnectionClosed;
  if (stream) message = co_await receive_identify(clock_, std::move(stream->stream), connection->remote_peer());
  const base::Error failure = !stream ? stream.error() : message ? base::Error() : message.error();
  if (failure) {
    LOG_DEBUG("{} could not be identified: {}", connection->remote_peer().short_text(), failure.message());
    // Somebody who is not who they say they are; other failures leave a connection that still serves.
    if (failure == Error::kBadSignature) connection->close();
  }
  Exchange* exchange = find(*connection);
  if (!exchange || connection->is_closed()) co_return;
  exchange->identifying = false;
  if (message) {
    peers_[connection->remote_peer()] = Peer();
    learn(*exchange, *message);
  }
  if (exchange->early_push) learn(*exchange, *exchange->early_push);
  exchange->early_push.reset();
  if (!peers_.contains(connection->remote_peer())) co_return;
  begin_push(*exchange);
  identified_(connection);
}

base::Task<> IdentifyService::serve_push(std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream) {
  Exchange* exchange = find(*connection);
  if (!exchange || !exchange->pushes.take(clock_.now())) co_return stream->reset();
  auto message = co_await receive_identify(clock_, std::move(stream), connection->remote_peer());
  if (!message) {
    LOG_DEBUG("push from {} failed: {}", connection->remote_peer().short_text(), message.error().message());
    if (message.error() == Error::kBadSignature) connection->close();
    co_return;
  }
  exchange = find(*connection);
  if (!exchange || connection->is_closed()) co_return;
  if (exchange->identifying) {
    update(exchange->early_push, std::move(*message));
    co_return;
  }
  learn(*exchange, *message);
  identified_(std::move(connection));
}

void IdentifyService::learn(Exchange& exchange, const IdentifyMessage& message) {
  const multiformats::PeerId id = exchange.connection->remote_peer();
  Peer& peer = peers_[id];
  if (message.agent_version) peer.info.agent_version = *message.agent_version;
  if (message.observed_address) peer.info.observed_address = message.observed_address->without_peer();
  learn_addresses(peer, id, message);
  if (message.protocols.empty()) return;
  peer.info.protocols = message.protocols;
  for (auto& [connection, each] : exchanges_) {
    if (each.connection->remote_peer() == id) each.connection->set_remote_protocols(message.protocols);
  }
}

/// The record that came with `message`, if it is one and of `peer`. A bad one is no error: it is as if none had come.
std::optional<PeerRecord> IdentifyService::record_in(const IdentifyMessage& message,
                                                     const multiformats::PeerId& peer) const {
  if (!message.signed_peer_record) return std::nullopt;
  auto record = open_record_(*message.signed_peer_record);
  if (record && record->peer == peer) return std::move(*record);
  LOG_DEBUG("the signed record of {} is ignored: {}", peer.short_text(),
            record ? "it is another peer's" : record.error().message());
  return std::nullopt;
}

void IdentifyService::learn_addresses(Peer& peer, const multiformats::PeerId& id,
                                      const IdentifyMessage& message) const {
  const auto record = record_in(message, id);
  if (record && record->seq >= peer.record_seq) {
    peer.record_seq = record->seq;
    peer.info.listen_addresses = without_peer(record->addresses);
    peer.info.has_signed_record = true;
    peer.info.signed_record = *message.signed_peer_record;
  } else if (!message.listen_addresses.empty()) {
    peer.info.listen_addresses = without_peer(message.listen_addresses);
    peer.info.has_signed_record = false;
    peer.info.signed_record.clear();
  }
}

// What we tell.

base::Task<> IdentifyService::serve_identify(std::shared_ptr<Connection> connection, std::unique_ptr<Stream> stream) {
  if (Exchange* exchange = find(*connection)) exchange->told = version_;
  auto sent = co_await send_identify(clock_, std::move(stream), message_to(*connection));
  if (!sent) LOG_DEBUG("identify to {} failed: {}", connection->remote_peer().short_text(), sent.error().message());
}

void IdentifyService::changed() {
  ++version_;
  std::vector<Exchange*> all;
  for (auto& [connection, exchange] : exchanges_) all.push_back(&exchange);
  std::ranges::sort(all, {}, &Exchange::number);
  for (Exchange* exchange : all) begin_push(*exchange);
}

bool IdentifyService::takes_pushes(const multiformats::PeerId& peer) const {
  const auto found = peers_.find(peer);
  if (found == peers_.end()) return false;
  const auto& protocols = found->second.info.protocols;
  return std::find(protocols.begin(), protocols.end(), kIdentifyPushProtocol) != protocols.end();
}

void IdentifyService::begin_push(Exchange& exchange) {
  if (exchange.pushing || exchange.told == version_ || !takes_pushes(exchange.connection->remote_peer())) return;
  exchange.pushing = true;
  tasks_.spawn(push(exchange.connection));
}

base::Task<> IdentifyService::push(std::shared_ptr<HostConnection> connection) {
  co_await base::yield_now();  // several changes in a row go together
  for (;;) {
    std::vector<std::string> protocols{std::string(kIdentifyPushProtocol)};
    auto stream = co_await connection->new_stream(std::move(protocols));
    Exchange* exchange = find(*connection);
    if (!exchange) co_return;
    // Even if it fails: it is not tried again before the next change.
    exchange->told = version_;
    base::Result<> sent = stream ? base::Result<>() : stream.error();
    if (stream) sent = co_await send_identify(clock_, std::move(stream->stream), message_to(*connection));
    if (!sent) LOG_DEBUG("push to {} failed: {}", connection->remote_peer().short_text(), sent.error().message());
    exchange = find(*connection);
    if (!exchange) co_return;
    exchange->pushing = exchange->told != version_ && !connection->is_closed();
    if (!exchange->pushing) co_return;
  }
}

IdentifyMessage IdentifyService::message_to(const Connection& connection) {
  IdentifyMessage message;
  message.public_key = own_.key.public_key().to_protobuf();
  message.listen_addresses = own_.addresses();
  for (const auto& [protocol, served] : *own_.protocols) message.protocols.push_back(protocol);
  message.observed_address = connection.remote_address();
  message.protocol_version = kIdentifyProtocolVersion;
  message.agent_version = own_.agent_version;
  message.signed_peer_record = own_record(message.listen_addresses);
  return message;
}

base::Bytes IdentifyService::own_record(const std::vector<multiformats::Multiaddr>& addresses) {
  if (!record_ || record_->addresses != addresses) {
    const std::uint64_t seq = std::max(own_.record_seq(), record_ ? record_->seq + 1 : 0);
    record_ = PeerRecord{own_id_, seq, addresses};
    sealed_record_ = seal_peer_record(own_.key, *record_);
  }
  return sealed_record_;
}

}  // namespace libp2p
