// Dials peers: which of their addresses, in which order, how many at once, and not where it has just failed.
#pragma once

#include "libp2p/core/resolver.h"
#include "libp2p/host/connection_gate.h"
#include "libp2p/host/connection_upgrader.h"
#include "libp2p/host/dial_backoff.h"
#include "libp2p/host/host.h"
#include "libp2p/host/places.h"
#include "libp2p/host/refused_securities.h"
#include "libp2p/host/task_group.h"

#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

namespace libp2p {

struct DialRequest {
  /// Whom to find there; anybody if not set.
  std::optional<multiformats::PeerId> expected;
  std::vector<multiformats::Multiaddr> addresses;
  /// For everything, from here to the end of the handshake.
  base::Duration timeout;
  /// Dials addresses too at which dialling has failed a short time ago.
  bool ignores_backoff = false;
  ConnectionKind kind = ConnectionKind::kMuxed;
  /// ConnectOptions
  bool from_listen_port = false;
  std::optional<PunchRole> punch = std::nullopt;
  std::stop_token stop;
};

/// Not thread-safe. `clock` and `upgrader` outlive it, and it outlives its tasks.
class Dialler {
 public:
  /// Dials only what `gate` admits at that time: Error::kDenied. Dials `attempts_max` addresses at once, of all peers;
  /// others wait their turn. Without a resolver, addresses that begin with a name are Error::kUnsupportedAddress.
  Dialler(const base::Executor& executor, base::Clock& clock, TaskGroup tasks,
          std::vector<std::unique_ptr<Transport>> transports, std::unique_ptr<Resolver> resolver,
          ConnectionUpgrader& upgrader, std::shared_ptr<const ConnectionGate> gate, std::size_t attempts_max);

  /// The first address that leads to the peer, by a DialRace; names are looked up meanwhile. Error::kDialBackoff if all
  /// must wait, and the errors of DialRace::run().
  base::Task<base::Result<UpgradedConnection>> dial(DialRequest request);

  /// When the first of the addresses of `peer` that must wait may be dialled again; nothing if none must.
  std::optional<base::TimePoint> backoff_until(const multiformats::PeerId& peer) const {
    return backoff_.until(peer, clock_.now());
  }

  void add_transport(std::unique_ptr<Transport> transport) { transports_.push_back(std::move(transport)); }
  /// Listens on the transport that the address is for; Error::kUnsupportedAddress if there is none.
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address);

 private:
  using Result = base::Result<UpgradedConnection>;
  using Expected = std::optional<multiformats::PeerId>;

  using Addresses = std::vector<multiformats::Multiaddr>;

  /// Leaves out what must wait.
  Addresses allowed(const DialRequest& request, const Addresses& addresses) const;
  base::Task<base::Result<Addresses>> look_up(DialRequest request, multiformats::Multiaddr address,
                                              base::TimePoint deadline, std::stop_token stop);
  /// What the attempts of one dial() have in common.
  struct Manner {
    Expected expected;
    ConnectionKind kind;
    bool from_listen_port;
    std::optional<PunchRole> punch;
    base::TimePoint deadline;
  };
  base::Task<Result> attempt(Manner manner, multiformats::Multiaddr address, std::stop_token stop);
  base::Task<Result> attempt_in_place(Manner manner, Transport& transport, multiformats::Multiaddr address,
                                      std::stop_token stop);
  static base::Task<base::Result<RawConnection>> dial_raw(const Manner& manner, Transport& transport,
                                                          multiformats::Multiaddr address, base::Duration timeout,
                                                          std::stop_token stop);
  /// With the first security protocol that is not known to be refused there, and on to the next where one is.
  base::Task<Result> dial_and_upgrade(Manner manner, Transport& transport, multiformats::Multiaddr address,
                                      std::stop_token stop);
  /// A hole that has been punched is good for one handshake; what is refused is not proposed the next time.
  base::Task<Result> punch_and_upgrade(Manner manner, Transport& transport, multiformats::Multiaddr address,
                                       std::stop_token stop);
  Transport* transport_for(const multiformats::Multiaddr& address) const;

  base::Executor executor_;
  base::Clock& clock_;
  TaskGroup tasks_;
  std::vector<std::unique_ptr<Transport>> transports_;
  std::unique_ptr<Resolver> resolver_;
  ConnectionUpgrader& upgrader_;
  std::shared_ptr<const ConnectionGate> gate_;
  DialBackoff backoff_;
  RefusedSecurities refused_;
  Places places_;
};

}  // namespace libp2p
