#include "libp2p/host/dialler.h"

#include "base/log.h"
#include "libp2p/core/error.h"

#include <algorithm>

namespace libp2p {

base::Task<base::Result<UpgradedConnection>> Dialler::dial(std::optional<multiformats::PeerId> expected,
                                                           std::vector<multiformats::Multiaddr> addresses,
                                                           base::Duration timeout) {
  addresses.resize(std::min(addresses.size(), kDialAddressesMax));
  const base::TimePoint deadline = clock_.now() + timeout;
  base::Error failure = Error::kNotConnected;
  for (std::size_t i = 0; i < addresses.size() && clock_.now() < deadline && !closed_; ++i) {
    const auto addresses_left = static_cast<int>(addresses.size() - i);
    const base::TimePoint share_end = clock_.now() + (deadline - clock_.now()) / addresses_left;
    auto connection = co_await dial_one(expected, addresses[i], share_end);
    if (connection) co_return std::move(*connection);
    LOG_DEBUG("dialling {} failed: {}", addresses[i].to_text(), connection.error().message());
    if (failure != Error::kPeerIdMismatch) failure = connection.error();
  }
  if (closed_) co_return Error::kClosing;
  co_return failure;
}

base::Task<base::Result<UpgradedConnection>> Dialler::dial_one(std::optional<multiformats::PeerId> expected,
                                                               multiformats::Multiaddr address,
                                                               base::TimePoint deadline) {
  const auto named = address.peer_id();
  if (named && expected && *named != *expected) co_return Error::kPeerIdMismatch;
  if (named) expected = named;
  address = address.without_peer();
  Transport* transport = transport_for(address);
  if (transport == nullptr) co_return Error::kUnsupportedAddress;
  auto raw = co_await transport->dial(address, deadline - clock_.now());
  if (!raw) co_return raw.error();
  auto connection = co_await upgrader_.upgrade_outbound(std::move(*raw), expected, deadline);
  co_return connection;
}

base::Result<std::unique_ptr<Listener>> Dialler::listen(const multiformats::Multiaddr& address) {
  Transport* transport = transport_for(address);
  if (transport == nullptr) return Error::kUnsupportedAddress;
  return transport->listen(address);
}

Transport* Dialler::transport_for(const multiformats::Multiaddr& address) const {
  const auto found = std::find_if(transports_.begin(), transports_.end(),
                                  [&address](const auto& each) { return each->can_dial(address); });
  return found == transports_.end() ? nullptr : found->get();
}

void Dialler::close() noexcept {
  closed_ = true;
  for (const auto& transport : transports_) transport->close();
}

}  // namespace libp2p
