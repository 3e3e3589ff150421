#include "libp2p/protocols/autonat/server_impl.h"

#include "base/log.h"
#include "libp2p/core/address_reach.h"
#include "libp2p/core/error.h"
#include "libp2p/core/timed_io.h"

#include <algorithm>

namespace libp2p::autonat {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// Messages of dial data, so that tiny ones do not keep us busy.
constexpr std::size_t kDialDataMessagesMax = 1000;

base::Task<> nothing() { co_return; }

bool is_public(const Multiaddr& address) { return reach_of(address) == AddressReach::kPublic; }

}  // namespace

class Server::Impl::Place {
 public:
  Place(Impl& impl, const PeerId& peer) : impl_(impl), peer_(peer) {
    ++impl_.under_way_;
    ++impl_.askers_.at(peer_).under_way;
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    --impl_.under_way_;
    if (--impl_.askers_.at(peer_).under_way == 0) impl_.forget_if_gone(peer_);
  }

 private:
  Impl& impl_;
  PeerId peer_;
};

Server::Impl::Impl(const base::Executor& executor, base::Clock& clock, Host& host, std::unique_ptr<Host> dial_back,
                   ServerConfig config)
    : clock_(clock),
      host_(host),
      dialler_(std::move(dial_back)),
      config_(std::move(config)),
      tasks_(executor),
      budget_(config_.burst, config_.interval),
      random_(config_.seed) {
  if (!config_.may_dial) config_.may_dial = is_public;
}

void Server::Impl::start() {
  // The host's events outlive us.
  const std::weak_ptr<Impl> weak = weak_from_this();
  host_.on_disconnected([weak](ConnectionPtr connection) {
    if (const auto self = weak.lock()) self->disconnected(*connection);
  });
  StreamHandler handler = [weak](ConnectionPtr connection, std::unique_ptr<Stream> stream) {
    const auto self = weak.lock();
    if (self && !self->closed_) self->tasks_.spawn(serve(self, std::move(connection), std::move(stream)));
    return nothing();
  };
  host_.set_stream_handler(kDialRequestProtocol, std::move(handler));
}

void Server::Impl::disconnected(const Connection& connection) {
  const auto asker = askers_.find(connection.remote_peer());
  if (asker != askers_.end() && asker->second.under_way == 0) forget_if_gone(connection.remote_peer());
}

void Server::Impl::forget_if_gone(const PeerId& peer) {
  if (host_.connections_to(peer).empty()) askers_.erase(peer);
}

base::Task<> Server::Impl::close(Self self) {
  if (!self->closed_) self->host_.remove_stream_handler(kDialRequestProtocol);
  self->closed_ = true;
  co_await self->dialler_->close();
  co_await self->tasks_.wait_until_empty();
}

bool Server::Impl::may_serve(const Connection& connection) {
  // Through a relay nobody's IP address is known.
  if (is_relayed(connection) || connection.is_closed() || closed_) return false;
  Asker fresh{RateBudget(config_.peer_burst, config_.peer_interval)};
  Asker& asker = askers_.try_emplace(connection.remote_peer(), fresh).first->second;
  if (under_way_ >= config_.requests_max || asker.under_way >= config_.requests_per_peer_max) return false;
  return asker.budget.take(clock_.now()) && budget_.take(clock_.now());
}

base::Task<> Server::Impl::serve(Self self, ConnectionPtr connection, std::unique_ptr<Stream> stream) {
  DialResponse response{.status = ResponseStatus::kRequestRejected};
  if (self->may_serve(*connection)) {
    const Place place(*self, connection->remote_peer());
    auto answer = co_await answer_to(self, std::move(connection), *stream);
    // Who does not keep to the protocol, or gives up, is not answered.
    if (!answer) co_return stream->reset();
    response = *answer;
  }
  if (response.status != ResponseStatus::kOk) ++self->stats_.refused;
  const base::TimePoint deadline = self->step_deadline();
  auto written = co_await write_message_by(*stream, self->clock_, deadline, serialise(Message(response)));
  if (written) co_await finish_by(*stream, self->clock_, deadline);
}

base::Task<base::Result<DialResponse>> Server::Impl::answer_to(Self self, ConnectionPtr connection, Stream& stream) {
  auto bytes = co_await read_message_by(stream, self->clock_, self->step_deadline(), kMessageBytesMax);
  if (!bytes) co_return bytes.error();
  const auto message = parse_message(*bytes);
  if (!message) co_return message.error();
  const auto* request = std::get_if<DialRequest>(&*message);
  if (request == nullptr) co_return Error::kProtocolViolation;
  const auto index = self->choose(*request);
  if (!index) co_return DialResponse{.status = ResponseStatus::kDialRefused};
  const Multiaddr address = request->addresses[*index].without_peer();
  const auto observed = connection->remote_address().tcp_endpoint();
  if (!observed || observed->address != address.tcp_endpoint()->address) {
    auto paid = co_await take_dial_data(self, stream, *index);
    if (!paid) co_return paid.error();
  }
  ++self->stats_.served;
  const DialStatus status = co_await dial_back(self, connection->remote_peer(), address, request->nonce);
  if (status == DialStatus::kOk) ++self->stats_.reachable;
  LOG_DEBUG("autonat: {} is {} at {}", connection->remote_peer().short_text(),
            status == DialStatus::kOk ? "reached" : "not reached", address.to_text());
  co_return DialResponse{ResponseStatus::kOk, *index, status};
}

std::optional<std::uint32_t> Server::Impl::choose(const DialRequest& request) const {
  for (std::uint32_t i = 0; i < request.addresses.size(); ++i) {
    const Multiaddr address = request.addresses[i].without_peer();
    if (address.tcp_endpoint() && config_.may_dial(address)) return i;
  }
  return std::nullopt;
}

base::Task<base::Result<>> Server::Impl::take_dial_data(Self self, Stream& stream, std::uint32_t index) {
  const base::TimePoint deadline = self->clock_.now() + kDialDataTimeout;
  const DialDataRequest wanted{index,
                               std::uniform_int_distribution<std::uint64_t>(kDialDataMin, kDialDataMax)(self->random_)};
  auto asked = co_await write_message_by(stream, self->clock_, deadline, serialise(Message(wanted)));
  if (!asked) co_return asked.error();
  std::uint64_t received = 0;
  for (std::size_t messages = 0; received < wanted.bytes; ++messages) {
    if (messages == kDialDataMessagesMax) co_return Error::kProtocolViolation;
    auto bytes = co_await read_message_by(stream, self->clock_, deadline, kMessageBytesMax);
    if (!bytes) co_return bytes.error();
    const auto message = parse_message(*bytes);
    if (!message) co_return message.error();
    const auto* data = std::get_if<DialDataResponse>(&*message);
    if (data == nullptr || data->bytes > kDialDataBytesMax) co_return Error::kProtocolViolation;
    received += data->bytes;
    self->stats_.dial_data_bytes += data->bytes;
  }
  co_return base::Result<>();
}

base::Task<DialStatus> Server::Impl::dial_back(Self self, PeerId peer, Multiaddr address, std::uint64_t nonce) {
  std::vector<Multiaddr> addresses{std::move(address)};
  ConnectOptions options;
  options.force_new = true;
  options.timeout = kServerDialTimeout;
  auto connection = co_await self->dialler_->connect(peer, std::move(addresses), options);
  if (!connection) co_return DialStatus::kDialError;
  auto sent = co_await send_nonce(self, *connection, nonce);
  (*connection)->close();
  co_return sent ? DialStatus::kOk : DialStatus::kDialBackError;
}

base::Task<base::Result<>> Server::Impl::send_nonce(Self self, ConnectionPtr connection, std::uint64_t nonce) {
  std::vector<std::string> protocols{kDialBackProtocol};
  auto opened = co_await connection->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  Stream& stream = *opened->stream;
  const base::TimePoint deadline = self->step_deadline();
  auto written = co_await write_message_by(stream, self->clock_, deadline, serialise_dial_back(nonce));
  if (!written) co_return written.error();
  (void)co_await stream.close_write();
  auto bytes = co_await read_message_by(stream, self->clock_, deadline, kMessageBytesMax);
  // rust-libp2p drops the stream right behind its answer, which the reset discards. The asker knows by itself whether
  // it has had the nonce.
  if (!bytes && bytes.error() == Error::kReset) co_return base::Result<>();
  if (!bytes) co_return bytes.error();
  co_return parse_dial_back_response(*bytes);
}

}  // namespace libp2p::autonat
