// Keeps a node connected to the peers that it was told of, and brings it back to those that it knew.
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/host/host.h"
#include "provider/retry_pause.h"

#include <memory>
#include <vector>

namespace kvp2p {

/// Waits between attempts at one address: the first, doubled each time, the last; each with chance in it.
inline constexpr base::Duration kRedialMin = std::chrono::seconds(1);
inline constexpr base::Duration kRedialMax = std::chrono::seconds(60);
/// A peer that was only known, not named by anybody, is tried so often in a row.
inline constexpr int kKnownPeerTries = 6;
/// Addresses and known peers that are dialled or watched at a time; more are left out.
inline constexpr std::size_t kRedialsMax = 512;

/// Node thread only. A coroutine an address or peer, which ends soon after stop().
class Bootstrap {
 public:
  using Addresses = std::vector<multiformats::Multiaddr>;

  /// `on_named` is called with each peer that answers at an address that was named.
  Bootstrap(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, Chance chance,
            std::function<void(const multiformats::PeerId&)> on_named = nullptr);

  /// Named once and for all.
  void start(const Addresses& addresses);
  /// Named by a list that may change: those not in it any more are dialled no more, but not parted with.
  void set_listed(const Addresses& addresses);
  /// Goes to a peer that was known before, has been lost or was heard of: a few times, then it is given up. Nothing if
  /// it is named or being tried already. `addresses` tells where, each time. `at_once`: the first try does not wait.
  void go_to(const multiformats::PeerId& peer, std::function<Addresses()> addresses, bool at_once = false);

  /// Idempotent; the host may be closed afterwards.
  void stop();
  /// Coroutines that have not ended yet.
  std::size_t running() const;

 private:
  struct State;
  struct Named;
  static base::Task<> keep_connected(std::shared_ptr<State> state, std::shared_ptr<Named> named);
  static base::Task<> try_known(std::shared_ptr<State> state, multiformats::PeerId peer,
                                std::function<Addresses()> addresses, bool at_once);
  static base::Task<> wait(std::shared_ptr<State> state, base::Duration time, std::shared_ptr<Named> named = nullptr);

  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
