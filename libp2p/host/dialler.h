// Dials: a peer's addresses in turn, each to the end of its handshake.
#pragma once

#include "libp2p/host/connection_upgrader.h"

#include <memory>
#include <optional>
#include <vector>

namespace libp2p {

/// Addresses of one peer that are tried; further ones are not.
inline constexpr std::size_t kDialAddressesMax = 32;

/// Not thread-safe. `clock` and `upgrader` outlive it, and it outlives its tasks.
class Dialler {
 public:
  Dialler(base::Clock& clock, std::vector<std::unique_ptr<Transport>> transports, ConnectionUpgrader& upgrader)
      : clock_(clock), transports_(std::move(transports)), upgrader_(upgrader) {}

  /// The first address that leads to `expected`, or to anybody if that is not set. Takes no longer than `timeout` in
  /// all: each address gets an equal share of what is left. If none succeeds, the error is that of the last one, but
  /// a wrong peer at any of them is worth telling more (Error::kPeerIdMismatch).
  base::Task<base::Result<UpgradedConnection>> dial(std::optional<multiformats::PeerId> expected,
                                                    std::vector<multiformats::Multiaddr> addresses,
                                                    base::Duration timeout);

  /// Listens on the transport that the address is for; Error::kUnsupportedAddress if there is none.
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address);

  /// Breaks off the dials under way.
  void close() noexcept;

 private:
  base::Task<base::Result<UpgradedConnection>> dial_one(std::optional<multiformats::PeerId> expected,
                                                        multiformats::Multiaddr address, base::TimePoint deadline);
  Transport* transport_for(const multiformats::Multiaddr& address) const;

  base::Clock& clock_;
  std::vector<std::unique_ptr<Transport>> transports_;
  ConnectionUpgrader& upgrader_;
  bool closed_ = false;
};

}  // namespace libp2p
