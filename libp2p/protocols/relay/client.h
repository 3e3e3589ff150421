// Uses relays: dials peers through them, and lets others reach this node through them (libp2p/specs
// relay/circuit-v2.md).
//
//     auto relays = relay::Client::create(executor, clock, host, {.seed = seed});
//     host.listen("/ip4/192.0.2.7/tcp/4001/p2p/RELAY/p2p-circuit");  // be reached through that relay
//     co_await host.connect("/ip4/192.0.2.7/tcp/4001/p2p/RELAY/p2p-circuit/p2p/PEER");
//
// To listen at a relay is to hold a reservation there: it is asked for until it is granted, renewed before it is over,
// and asked for again when the relay has gone away meanwhile. As long as there is one, the host announces the addresses
// that the relay has given. Relayed connections are secured and muxed like others; is_relayed() and
// Connection::is_limited() tell what they are.
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/protocols/relay/error.h"

#include <functional>
#include <memory>
#include <vector>

namespace libp2p::relay {

/// For the relay to answer one request; to reach the peer takes it as long again.
inline constexpr base::Duration kClientStepTimeout = std::chrono::seconds(15);
/// Between attempts to get a reservation: at first, and at most. Doubled after each, and never quite the same.
inline constexpr base::Duration kReserveBackoffMin = std::chrono::seconds(1);
inline constexpr base::Duration kReserveBackoffMax = std::chrono::minutes(2);
/// Relays that are listened at.
inline constexpr std::size_t kRelaysMax = 16;

struct ClientConfig {
  /// For the moments at which reservations are asked for again.
  std::uint64_t seed = 0;
  /// Seconds since 1970; the system's clock if not set.
  std::function<std::uint64_t()> unix_time_s = nullptr;
};

/// One relay that is listened at.
struct RelayState {
  multiformats::PeerId relay;
  bool has_reservation = false;
  /// Where peers reach us through it; none without a reservation.
  std::vector<multiformats::Multiaddr> addresses;
  /// Connections through it have no limits.
  bool is_unlimited = false;
  /// Why there is no reservation.
  base::Error failure;
};

/// Not thread-safe: all calls on the host's executor. Destroyed after close() has completed, and before the host.
class Client {
 public:
  /// Gives the host a transport for /p2p-circuit. `clock` and `host` outlive it.
  static std::unique_ptr<Client> create(const base::Executor& executor, base::Clock& clock, Host& host,
                                        ClientConfig config);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::vector<RelayState> relays() const;
  /// Called on the executor whenever relays() has changed.
  void on_changed(std::function<void()> call);
  /// Asks for no more reservations, and dials no more. Idempotent.
  base::Task<> close();

 private:
  class Impl;
  class CircuitTransport;
  class CircuitListener;
  explicit Client(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with its coroutines and its transport
};

}  // namespace libp2p::relay
