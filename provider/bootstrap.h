// Keeps a node connected to the peers that it was told of.
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/host/host.h"

#include <memory>
#include <vector>

namespace kvp2p {

/// Waits between attempts at one address: the first, doubled each time, the last.
inline constexpr base::Duration kRedialMin = std::chrono::seconds(1);
inline constexpr base::Duration kRedialMax = std::chrono::seconds(60);

/// Node thread only. A coroutine an address, which ends soon after stop().
class Bootstrap {
 public:
  Bootstrap(const base::Executor& executor, base::Clock& clock, libp2p::Host& host);

  void start(const std::vector<multiformats::Multiaddr>& addresses);
  /// Idempotent; the host may be closed afterwards.
  void stop();
  /// Coroutines that have not ended yet.
  std::size_t running() const;

 private:
  struct State;
  static base::Task<> keep_connected(std::shared_ptr<State> state, multiformats::Multiaddr address);
  static base::Task<> wait(std::shared_ptr<State> state, base::Duration time);

  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
