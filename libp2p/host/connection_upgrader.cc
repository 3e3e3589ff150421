#include "libp2p/host/connection_upgrader.h"

#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/host/shared_stream.h"
#include "libp2p/negotiation/lazy_stream.h"
#include "libp2p/negotiation/negotiate.h"

#include <algorithm>
#include <cassert>

namespace libp2p {

ConnectionUpgrader::ConnectionUpgrader(base::Executor executor, base::Clock& clock,
                                       std::vector<std::unique_ptr<Security>> securities,
                                       std::vector<std::unique_ptr<Muxer>> muxers)
    : executor_(std::move(executor)), clock_(clock), securities_(std::move(securities)), muxers_(std::move(muxers)) {
  assert(!securities_.empty() && !muxers_.empty());
  for (const auto& each : securities_) security_protocols_.emplace_back(each->protocol_id());
  for (const auto& each : muxers_) muxer_protocols_.emplace_back(each->protocol_id());
}

auto ConnectionUpgrader::outbound_steps(std::unique_ptr<Stream> stream, std::optional<multiformats::PeerId> expected,
                                        base::TimePoint deadline, std::size_t security) -> Steps {
  stream = negotiate_lazily(std::move(stream), security_protocols_[security], clock_, deadline - clock_.now());
  auto secured = co_await securities_[security]->secure_outbound(std::move(stream), expected);
  if (!secured) co_return secured.error();
  const bool by_handshake = !secured->muxer.empty();
  if (!by_handshake) {
    auto muxer = co_await propose(secured->stream, muxer_protocols_, deadline);
    if (!muxer) co_return muxer.error();
    secured->muxer = *muxer;
  }
  co_return start_muxer(std::move(*secured), true, by_handshake);
}

base::Task<base::Result<std::string>> ConnectionUpgrader::propose(std::unique_ptr<Stream>& stream,
                                                                  const std::vector<std::string>& protocols,
                                                                  base::TimePoint deadline) {
  if (protocols.size() > 1) co_return co_await negotiate_outbound(*stream, protocols);
  stream = negotiate_lazily(std::move(stream), protocols.front(), clock_, deadline - clock_.now());
  co_return protocols.front();
}

auto ConnectionUpgrader::inbound_steps(std::unique_ptr<Stream> stream) -> Steps {
  auto protocol = co_await negotiate_inbound(*stream, security_protocols_);
  if (!protocol) co_return protocol.error();
  auto secured = co_await security(*protocol).secure_inbound(std::move(stream));
  if (!secured) co_return secured.error();
  const bool by_handshake = !secured->muxer.empty();
  if (!by_handshake) {
    auto muxer = co_await negotiate_inbound(*secured->stream, muxer_protocols_);
    if (!muxer) co_return muxer.error();
    secured->muxer = *muxer;
  }
  co_return start_muxer(std::move(*secured), false, by_handshake);
}

base::Task<base::Result<UpgradedConnection>> ConnectionUpgrader::upgrade(RawConnection raw, bool is_dialler,
                                                                         std::optional<multiformats::PeerId> expected,
                                                                         base::TimePoint deadline, std::stop_token stop,
                                                                         std::size_t security) {
  std::shared_ptr<Stream> bottom = std::move(raw.stream);
  const std::stop_callback on_stop(stop, [&bottom] { bottom->reset(); });
  ScopedDeadline time_limit(clock_, deadline, [&bottom] { bottom->reset(); });
  auto stream = std::make_unique<SharedStream>(bottom);
  Steps steps =
      is_dialler ? outbound_steps(std::move(stream), expected, deadline, security) : inbound_steps(std::move(stream));
  auto session = co_await std::move(steps);
  if (!session) {
    bottom->reset();
    if (stop.stop_requested()) co_return Error::kClosing;
    if (time_limit.expired()) co_return Error::kTimeout;
    co_return session.error();
  }
  co_return UpgradedConnection{std::move(session->muxed),     session->remote_peer, std::move(raw.local_address),
                               std::move(raw.remote_address), is_dialler,           session->muxer_by_handshake};
}

base::Task<base::Result<UpgradedConnection>> ConnectionUpgrader::upgrade_outbound(
    RawConnection raw, std::optional<multiformats::PeerId> expected, base::TimePoint deadline, std::stop_token stop,
    std::size_t security) {
  assert(security < securities_.size());
  return upgrade(std::move(raw), true, expected, deadline, std::move(stop), security);
}

base::Task<base::Result<UpgradedConnection>> ConnectionUpgrader::upgrade_inbound(RawConnection raw,
                                                                                 base::TimePoint deadline,
                                                                                 std::stop_token stop) {
  return upgrade(std::move(raw), false, std::nullopt, deadline, std::move(stop), 0);
}

auto ConnectionUpgrader::start_muxer(SecuredStream secured, bool is_dialler, bool by_handshake)
    -> base::Result<Session> {
  const auto muxer = std::find_if(muxers_.begin(), muxers_.end(),
                                  [&secured](const auto& each) { return each->protocol_id() == secured.muxer; });
  // A handshake may name only what we have offered.
  if (muxer == muxers_.end()) return Error::kHandshakeFailed;
  return Session{(*muxer)->start(executor_, std::move(secured.stream), is_dialler), secured.remote_peer, by_handshake};
}

Security& ConnectionUpgrader::security(const std::string& protocol) const {
  const auto found = std::find_if(securities_.begin(), securities_.end(),
                                  [&protocol](const auto& each) { return each->protocol_id() == protocol; });
  assert(found != securities_.end());
  return **found;
}

}  // namespace libp2p
