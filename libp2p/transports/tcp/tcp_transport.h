// TCP over IPv4 and IPv6: /ip4/…/tcp/… and [/ip6zone/…]/ip6/…/tcp/….
#pragma once

#include "libp2p/core/transport.h"

#include <memory>

namespace libp2p {

/// Not thread-safe: its streams and listeners live on `executor`. `clock` outlives the transport, its listeners and the
/// dials under way. Destroying it closes it.
/// Addresses that are anything but TCP over IP are Error::kUnsupportedAddress; a dial that is not answered in time is
/// Error::kTimeout; other failures are the system's codes (connection refused, address in use).
class TcpTransport final : public Transport {
 public:
  TcpTransport(base::Executor executor, base::Clock& clock);
  ~TcpTransport() override;

  bool can_dial(const multiformats::Multiaddr& address) const override;
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout) override;
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;
  /// Dials under way, and later ones, fail with Error::kClosing.
  void close() noexcept override;

 private:
  base::Executor executor_;
  base::Clock& clock_;
  struct Dials;
  // Shared with the dials under way, which may outlive the transport.
  std::shared_ptr<Dials> dials_;
};

}  // namespace libp2p
