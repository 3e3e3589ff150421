// TCP over IPv4 and IPv6: /ip4/…/tcp/… and [/ip6zone/…]/ip6/…/tcp/….
#pragma once

#include "libp2p/core/transport.h"
#include "libp2p/transports/tcp/listen_ports.h"

#include <memory>

namespace libp2p {

/// Not thread-safe: its streams and listeners live on `executor`. `clock` outlives the transport, its listeners and the
/// dials under way, and these may outlive the transport.
/// Addresses that are anything but TCP over IP are Error::kUnsupportedAddress; a dial that is not answered in time is
/// Error::kTimeout; other failures are the system's codes (connection refused, address in use).
class TcpTransport final : public Transport {
 public:
  TcpTransport(base::Executor executor, base::Clock& clock) : executor_(std::move(executor)), clock_(clock) {}

  bool can_dial(const multiformats::Multiaddr& address) const override;
  using Transport::dial;
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout,
                                               std::stop_token stop) override;
  /// From an ephemeral port if there is no listener for it, or a connection between the two ports already.
  base::Task<base::Result<RawConnection>> dial_from_listen_port(multiformats::Multiaddr address, base::Duration timeout,
                                                                std::stop_token stop) override;
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;

 private:
  base::Executor executor_;
  base::Clock& clock_;
  std::shared_ptr<ListenPorts> ports_ = std::make_shared<ListenPorts>();
};

}  // namespace libp2p
