#include "libp2p/protocols/autonat/client_impl.h"

#include "base/log.h"
#include "libp2p/core/address_reach.h"
#include "libp2p/core/error.h"
#include "libp2p/core/timed_io.h"

#include <algorithm>
#include <array>

namespace libp2p::autonat {

using multiformats::Multiaddr;
using multiformats::PeerId;

namespace {

/// When there was nothing to ask, until it is looked again.
constexpr base::Duration kIdlePause = std::chrono::seconds(30);
/// Dial backs at once; who is not asked sends none.
constexpr std::size_t kDialBacksMax = 8;

base::Task<> nothing() { co_return; }

std::uint64_t new_nonce() {
  std::array<std::uint8_t, 8> bytes;
  base::random_bytes(bytes);
  return base::load_le64(bytes.data());
}

bool is_public(const Multiaddr& address) { return reach_of(address) == AddressReach::kPublic; }

}  // namespace

Client::Impl::Impl(const base::Executor& executor, base::Clock& clock, Host& host, ClientConfig config)
    : clock_(clock),
      host_(host),
      config_(std::move(config)),
      tasks_(executor),
      table_(config_.confidence),
      random_(config_.seed),
      changed_(executor) {
  if (!config_.may_ask) config_.may_ask = is_public;
}

void Client::Impl::start() {
  // The host's events outlive us.
  const std::weak_ptr<Impl> weak = weak_from_this();
  host_.on_identified([weak](ConnectionPtr) {
    if (const auto self = weak.lock()) self->changed_.notify_all();
  });
  StreamHandler handler = [weak](ConnectionPtr, std::unique_ptr<Stream> stream) {
    const auto self = weak.lock();
    if (self && !self->closed_ && self->tasks_.size() <= kDialBacksMax) {
      self->tasks_.spawn(serve_dial_back(self, std::move(stream)));
    }
    return nothing();
  };
  host_.set_stream_handler(kDialBackProtocol, std::move(handler));
  tasks_.spawn(ask_all(shared_from_this()));
}

Verdict Client::Impl::verdict(const Multiaddr& address) const {
  return table_.verdict(address.without_peer(), clock_.now());
}

base::Task<> Client::Impl::close(Self self) {
  if (!self->closed_) self->host_.remove_stream_handler(kDialBackProtocol);
  self->closed_ = true;
  self->stop_.request_stop();
  self->changed_.notify_all();
  co_await self->tasks_.wait_until_empty();
}

// Whom to ask of what.

std::vector<Client::Impl::ConnectionPtr> Client::Impl::servers() {
  const base::TimePoint now = clock_.now();
  std::erase_if(paused_, [now](const auto& each) { return each.second <= now; });
  std::vector<ConnectionPtr> found;
  for (ConnectionPtr& each : host_.connections()) {
    if (is_relayed(*each) || each->is_superseded() || paused_.contains(each->remote_peer())) continue;
    const auto info = host_.peer_info(each->remote_peer());
    if (info && std::ranges::find(info->protocols, kDialRequestProtocol) != info->protocols.end()) {
      found.push_back(std::move(each));
    }
  }
  std::ranges::shuffle(found, random_);
  return found;
}

bool Client::Impl::wants_answer(const Multiaddr& address) const {
  const base::TimePoint now = clock_.now();
  if (table_.verdict(address, now) == Verdict::kUnknown) return true;
  const auto asked = table_.asked(address, now);
  return !asked || now - *asked >= kRecheckTime;
}

std::optional<Client::Impl::Question> Client::Impl::next_question() {
  const auto candidates = servers();
  if (candidates.empty()) return std::nullopt;
  const base::TimePoint now = clock_.now();
  for (const Multiaddr& each : config_.addresses()) {
    Multiaddr address = each.without_peer();
    if (!address.tcp_endpoint() || !config_.may_ask(address) || !wants_answer(address)) continue;
    for (const ConnectionPtr& server : candidates) {
      const auto asked = table_.asked(address, server->remote_peer(), now);
      if (!asked || now - *asked >= kRecheckTime) return Question{server, std::move(address)};
    }
  }
  return std::nullopt;
}

base::Task<> Client::Impl::ask_all(Self self) {
  while (!self->closed_) {
    auto question = self->next_question();
    if (!question) {
      co_await wait(self, kIdlePause, true);
      continue;
    }
    const PeerId server = question->server->remote_peer();
    const Multiaddr address = question->address;
    auto found = co_await ask(self, std::move(*question));
    if (self->closed_) break;
    if (found) {
      const Verdict before = self->verdict(address);
      self->table_.record(address, server, *found == Verdict::kReachable, self->clock_.now());
      const Verdict now = self->verdict(address);
      if (now != before) {
        if (now != Verdict::kUnknown) {
          LOG_INFO("{} {} be reached from outside", address.to_text(), now == Verdict::kReachable ? "can" : "cannot");
        }
        if (self->config_.changed) self->config_.changed();
      }
    } else {
      LOG_DEBUG("autonat: {} gives no answer: {}", server.short_text(), found.error().message());
      self->paused_[server] = self->clock_.now() + kServerPause;
    }
    co_await wait(self, kRequestPause, false);
  }
}

base::Task<> Client::Impl::wait(Self self, base::Duration time, bool or_changed) {
  bool due = false;
  const auto timer = self->clock_.call_at(self->clock_.now() + time, [&self, &due] {
    due = true;
    self->changed_.notify_all();
  });
  do {
    co_await self->changed_.wait();
  } while (!due && !self->closed_ && !or_changed);
}

// Asking.

base::Task<base::Result<Verdict>> Client::Impl::ask(Self self, Question question) {
  std::vector<std::string> protocols{kDialRequestProtocol};
  auto opened = co_await question.server->new_stream(std::move(protocols));
  if (!opened) co_return opened.error();
  Stream& stream = *opened->stream;
  const std::stop_callback on_stop(self->stop_.get_token(), [&stream] { stream.reset(); });
  self->nonce_ = new_nonce();
  self->nonce_came_ = false;
  DialRequest sent{{question.address}, *self->nonce_};
  auto answer = co_await request(self, stream, std::move(sent), self->clock_.now() + kRequestTimeout);
  (void)co_await stream.close_write();
  self->nonce_.reset();
  if (!answer) co_return answer.error();
  const auto* response = std::get_if<DialResponse>(&*answer);
  if (response == nullptr) co_return Error::kProtocolViolation;
  if (response->status != ResponseStatus::kOk) co_return Error::kRefused;
  if (response->address_index != 0) co_return Error::kProtocolViolation;
  // What the server says of success is believed only with the nonce, and if that came, so is the address.
  if (self->nonce_came_) co_return Verdict::kReachable;
  if (response->dial_status == DialStatus::kDialError) co_return Verdict::kUnreachable;
  co_return Error::kProtocolViolation;
}

base::Task<base::Result<Message>> Client::Impl::request(Self self, Stream& stream, DialRequest request,
                                                        base::TimePoint deadline) {
  auto asked = co_await write_message_by(stream, self->clock_, deadline, serialise(Message(std::move(request))));
  if (!asked) co_return asked.error();
  for (bool has_paid = false;; has_paid = true) {
    auto bytes = co_await read_message_by(stream, self->clock_, deadline, kMessageBytesMax);
    if (!bytes) co_return bytes.error();
    auto message = parse_message(*bytes);
    if (!message) co_return message.error();
    const auto* wanted = std::get_if<DialDataRequest>(&*message);
    if (wanted == nullptr) co_return message;
    if (has_paid || wanted->address_index != 0 || wanted->bytes > kDialDataSentMax) co_return Error::kProtocolViolation;
    auto sent = co_await send_dial_data(self, stream, wanted->bytes, deadline);
    if (!sent) co_return sent.error();
  }
}

base::Task<base::Result<>> Client::Impl::send_dial_data(Self self, Stream& stream, std::uint64_t bytes,
                                                        base::TimePoint deadline) {
  const base::Bytes chunk = serialise(Message(DialDataResponse{kDialDataBytesMax}));
  for (std::uint64_t sent = 0; sent < bytes; sent += kDialDataBytesMax) {
    auto written = co_await write_message_by(stream, self->clock_, deadline, chunk);
    if (!written) co_return written.error();
  }
  co_return base::Result<>();
}

base::Task<> Client::Impl::serve_dial_back(Self self, std::unique_ptr<Stream> stream) {
  const base::TimePoint deadline = self->clock_.now() + kRequestTimeout;
  const std::stop_callback on_stop(self->stop_.get_token(), [raw = stream.get()] { raw->reset(); });
  auto bytes = co_await read_message_by(*stream, self->clock_, deadline, kMessageBytesMax);
  const auto nonce = bytes ? parse_dial_back(*bytes) : base::Result<std::uint64_t>(bytes.error());
  if (!nonce || nonce.value() != self->nonce_) co_return stream->reset();
  self->nonce_came_ = true;
  auto answered = co_await write_message_by(*stream, self->clock_, deadline, serialise_dial_back_response());
  if (answered) co_await finish_by(*stream, self->clock_, deadline);
}

}  // namespace libp2p::autonat
