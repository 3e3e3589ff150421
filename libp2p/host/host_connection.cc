#include "libp2p/host/host_connection.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/negotiation/lazy_stream.h"
#include "libp2p/negotiation/negotiate.h"

#include <algorithm>

namespace libp2p {

HostConnection::HostConnection(UpgradedConnection upgraded, std::shared_ptr<const ProtocolTable> protocols,
                               TaskGroup tasks, base::Clock& clock, base::Duration negotiation_timeout)
    : upgraded_(std::move(upgraded)),
      protocols_(std::move(protocols)),
      tasks_(std::move(tasks)),
      clock_(clock),
      negotiation_timeout_(negotiation_timeout) {}

base::Task<base::Result<NegotiatedStream>> HostConnection::new_stream(std::vector<std::string> protocols) {
  if (is_closed()) co_return Error::kConnectionClosed;
  ++streams_begun_;
  auto stream = co_await session().open_stream();
  if (!stream) co_return stream.error();
  const auto known = std::find_if(protocols.begin(), protocols.end(),
                                  [this](const auto& each) { return remote_protocols_.contains(each); });
  if (known != protocols.end()) {
    auto lazy = negotiate_lazily(std::move(*stream), *known, clock_, negotiation_timeout_);
    co_return NegotiatedStream{std::move(lazy), std::move(*known)};
  }
  auto protocol = co_await propose(**stream, std::move(protocols));
  if (!protocol) co_return protocol.error();
  co_return NegotiatedStream{std::move(*stream), std::move(*protocol)};
}

base::Task<base::Result<std::string>> HostConnection::propose(Stream& stream, std::vector<std::string> protocols) {
  ScopedDeadline deadline(clock_, clock_.now() + negotiation_timeout_, [&stream] { stream.reset(); });
  auto protocol = co_await negotiate_outbound(stream, std::move(protocols));
  if (deadline.expired()) co_return Error::kTimeout;
  co_return protocol;
}

base::Task<> HostConnection::serve() {
  const Self self = shared_from_this();
  for (;;) {
    auto stream = co_await session().accept_stream();
    if (!stream) break;
    ++streams_begun_;
    if (negotiating_ == kNegotiatingStreamsMax) {
      (*stream)->reset();
      continue;
    }
    ++negotiating_;
    tasks_.spawn(serve_stream(self, std::move(*stream)));
  }
  idle_timer_.reset();
  co_await end_session(self);
}

base::Task<> HostConnection::serve_stream(Self self, std::unique_ptr<Stream> stream) {
  auto protocol = co_await self->negotiate(*stream);
  --self->negotiating_;
  if (!protocol) co_return stream->reset();
  const auto found = self->protocols_->find(*protocol);
  if (found == self->protocols_->end()) co_return stream->reset();  // removed while it was agreed on
  // A copy: the handler may be replaced while it runs.
  const ServedProtocol served = found->second;
  std::size_t& streams = self->served_[*protocol];
  if (streams >= served.streams_per_connection_max) co_return stream->reset();
  ++streams;
  std::shared_ptr<Connection> connection = self;
  base::Task<> task = served.handler(std::move(connection), std::move(stream));
  co_await std::move(task);
  --streams;
}

base::Task<base::Result<std::string>> HostConnection::negotiate(Stream& stream) {
  std::vector<std::string> supported;
  supported.reserve(protocols_->size());
  for (const auto& [protocol, served] : *protocols_) supported.push_back(protocol);
  ScopedDeadline deadline(clock_, clock_.now() + negotiation_timeout_, [&stream] { stream.reset(); });
  auto protocol = co_await negotiate_inbound(stream, std::move(supported));
  if (deadline.expired()) co_return Error::kTimeout;
  co_return protocol;
}

void HostConnection::close_when_idle(base::Duration time) {
  begun_when_idle_.reset();
  arm_idle_timer(time);
}

void HostConnection::arm_idle_timer(base::Duration time) {
  idle_timer_ = clock_.call_at(clock_.now() + time, [this, time] { on_idle_timer(time); });
}

void HostConnection::on_idle_timer(base::Duration time) {
  const bool is_idle = session().stream_count() == 0;
  if (is_idle && begun_when_idle_ == streams_begun_) return close();
  begun_when_idle_ = is_idle ? std::optional(streams_begun_) : std::nullopt;
  arm_idle_timer(time);
}

void HostConnection::close() {
  if (closing_) return;
  closing_ = true;
  idle_timer_.reset();
  if (!session().is_closed()) tasks_.spawn(end_session(shared_from_this()));
}

base::Task<> HostConnection::end_session(Self self) {
  ScopedDeadline deadline(self->clock_, self->clock_.now() + kGoodbyeTimeout,
                          [session = self->upgraded_.session] { session->abort(); });
  co_await self->session().close();
  self->session().abort();
}

}  // namespace libp2p
