#include "libp2p/host/connection_upgrader.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/host/shared_stream.h"
#include "libp2p/negotiation/lazy_stream.h"
#include "libp2p/negotiation/multistream_message.h"
#include "libp2p/negotiation/negotiate.h"
#include "libp2p/security/pnet/pnet_stream.h"

#include <algorithm>
#include <cassert>

namespace libp2p {

namespace {

template <class Protocol>
std::vector<std::string> ids_of(const std::vector<std::unique_ptr<Protocol>>& protocols) {
  std::vector<std::string> ids;
  for (const auto& each : protocols) ids.emplace_back(each->protocol_id());
  return ids;
}

/// What either side of a connection writes first.
base::ConstBytes multistream_opening() {
  static const base::Bytes opening = [] {
    base::Bytes bytes;
    append_multistream_message(bytes, {MultistreamMessage::Kind::kHeader, {}});
    return bytes;
  }();
  return opening;
}

}  // namespace

void UpgradedConnection::abort() noexcept {
  if (session) session->abort();
  if (data_stream) data_stream->reset();
}

ConnectionUpgrader::ConnectionUpgrader(base::Executor executor, base::Clock& clock,
                                       std::vector<std::unique_ptr<Security>> securities,
                                       std::vector<std::unique_ptr<Muxer>> muxers, DataUpgrade data,
                                       std::optional<pnet::PreSharedKey> network_key)
    : executor_(std::move(executor)),
      clock_(clock),
      securities_(std::move(securities)),
      muxers_(std::move(muxers)),
      data_(std::move(data)),
      network_key_(std::move(network_key)),
      security_protocols_(ids_of(securities_)),
      muxer_protocols_(ids_of(muxers_)) {
  assert(!securities_.empty() && !muxers_.empty());
}

base::Task<base::Result<std::unique_ptr<Stream>>> ConnectionUpgrader::protect(std::unique_ptr<Stream> stream) {
  if (!network_key_) co_return std::move(stream);
  co_return co_await pnet::protect(std::move(stream), *network_key_, multistream_opening());
}

base::Task<base::Result<SecuredStream>> ConnectionUpgrader::secure_outbound(
    std::unique_ptr<Stream> stream, Security& security, std::optional<multiformats::PeerId> expected,
    base::TimePoint deadline) {
  std::string protocol(security.protocol_id());
  stream = negotiate_lazily(std::move(stream), std::move(protocol), clock_, deadline - clock_.now());
  return security.secure_outbound(std::move(stream), std::move(expected));
}

auto ConnectionUpgrader::muxed_steps(std::unique_ptr<Stream> stream, std::optional<multiformats::PeerId> expected,
                                     base::TimePoint deadline, std::size_t security) -> Steps {
  auto raw = co_await protect(std::move(stream));
  if (!raw) co_return raw.error();
  auto secured = co_await secure_outbound(std::move(*raw), *securities_[security], expected, deadline);
  if (!secured) co_return secured.error();
  const bool by_handshake = !secured->muxer.empty();
  if (!by_handshake) {
    auto muxer = co_await propose(secured->stream, muxer_protocols_, deadline);
    if (!muxer) co_return muxer.error();
    secured->muxer = *muxer;
  }
  co_return start_muxer(std::move(*secured), true, by_handshake);
}

auto ConnectionUpgrader::data_steps(std::unique_ptr<Stream> stream, std::optional<multiformats::PeerId> expected,
                                    base::TimePoint deadline, std::size_t security) -> Steps {
  if (security >= data_.securities.size()) co_return Error::kProtocolNotSupported;
  auto raw = co_await protect(std::move(stream));
  if (!raw) co_return raw.error();
  auto secured = co_await secure_outbound(std::move(*raw), *data_.securities[security], expected, deadline);
  if (!secured) co_return secured.error();
  // A peer that does not know the protocol leaves the muxer to multistream, or has refused already.
  if (secured->muxer != data_.protocol) co_return Error::kProtocolNotSupported;
  co_return data_session(std::move(*secured));
}

base::Task<base::Result<std::string>> ConnectionUpgrader::propose(std::unique_ptr<Stream>& stream,
                                                                  std::vector<std::string> protocols,
                                                                  base::TimePoint deadline) {
  if (protocols.size() > 1) co_return co_await negotiate_outbound(*stream, std::move(protocols));
  stream = negotiate_lazily(std::move(stream), protocols.front(), clock_, deadline - clock_.now());
  co_return protocols.front();
}

auto ConnectionUpgrader::inbound_steps(std::unique_ptr<Stream> stream) -> Steps {
  auto raw = co_await protect(std::move(stream));
  if (!raw) co_return raw.error();
  auto protocol = co_await negotiate_inbound(**raw, security_protocols_);
  if (!protocol) co_return protocol.error();
  auto secured = co_await security(*protocol).secure_inbound(std::move(*raw));
  if (!secured) co_return secured.error();
  const bool by_handshake = !secured->muxer.empty();
  if (by_handshake && !data_.securities.empty() && secured->muxer == data_.protocol) {
    co_return data_session(std::move(*secured));
  }
  if (!by_handshake) {
    auto muxer = co_await negotiate_inbound(*secured->stream, muxer_protocols_);
    if (!muxer) co_return muxer.error();
    secured->muxer = *muxer;
  }
  co_return start_muxer(std::move(*secured), false, by_handshake);
}

base::Task<base::Result<UpgradedConnection>> ConnectionUpgrader::upgrade(RawConnection raw,
                                                                         std::shared_ptr<Stream> bottom, Steps steps,
                                                                         bool is_dialler, base::TimePoint deadline,
                                                                         std::stop_token stop) {
  const std::stop_callback on_stop(stop, [&bottom] { bottom->reset(); });
  ScopedDeadline time_limit(clock_, deadline, [&bottom] { bottom->reset(); });
  auto session = co_await std::move(steps);
  if (!session) {
    bottom->reset();
    if (stop.stop_requested()) co_return Error::kClosing;
    // Who has not shown the network's key in all that time: that says more than that time is up.
    if (time_limit.expired() && session.error() != Error::kNotInPrivateNetwork) co_return Error::kTimeout;
    co_return session.error();
  }
  co_return UpgradedConnection{std::move(session->muxed),
                               session->remote_peer,
                               std::move(raw.local_address),
                               std::move(raw.remote_address),
                               is_dialler,
                               session->muxer_by_handshake,
                               raw.is_limited,
                               std::move(session->data_stream)};
}

base::Task<base::Result<UpgradedConnection>> ConnectionUpgrader::upgrade_outbound(
    RawConnection raw, std::optional<multiformats::PeerId> expected, base::TimePoint deadline, std::stop_token stop,
    std::size_t security, ConnectionKind kind) {
  assert(security < securities_.size());
  std::shared_ptr<Stream> bottom = std::move(raw.stream);
  auto stream = std::make_unique<SharedStream>(bottom);
  Steps steps = kind == ConnectionKind::kMuxed ? muxed_steps(std::move(stream), std::move(expected), deadline, security)
                                               : data_steps(std::move(stream), std::move(expected), deadline, security);
  return upgrade(std::move(raw), std::move(bottom), std::move(steps), true, deadline, std::move(stop));
}

base::Task<base::Result<UpgradedConnection>> ConnectionUpgrader::upgrade_inbound(RawConnection raw,
                                                                                 base::TimePoint deadline,
                                                                                 std::stop_token stop) {
  std::shared_ptr<Stream> bottom = std::move(raw.stream);
  Steps steps = inbound_steps(std::make_unique<SharedStream>(bottom));
  return upgrade(std::move(raw), std::move(bottom), std::move(steps), false, deadline, std::move(stop));
}

auto ConnectionUpgrader::start_muxer(SecuredStream secured, bool is_dialler, bool by_handshake)
    -> base::Result<Session> {
  const auto muxer = std::find_if(muxers_.begin(), muxers_.end(),
                                  [&secured](const auto& each) { return each->protocol_id() == secured.muxer; });
  // A handshake may name only what we have offered, and a data connection only what we have asked for.
  if (muxer == muxers_.end()) return Error::kHandshakeFailed;
  return Session{(*muxer)->start(executor_, std::move(secured.stream), is_dialler), nullptr, secured.remote_peer,
                 by_handshake};
}

auto ConnectionUpgrader::data_session(SecuredStream secured) -> Session {
  return Session{nullptr, std::move(secured.stream), secured.remote_peer, true};
}

Security& ConnectionUpgrader::security(const std::string& protocol) const {
  const auto found = std::find_if(securities_.begin(), securities_.end(),
                                  [&protocol](const auto& each) { return each->protocol_id() == protocol; });
  assert(found != securities_.end());
  return **found;
}

}  // namespace libp2p
