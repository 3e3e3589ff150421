// Connects to the nodes that multicast DNS finds on the local network.
#pragma once

#include "base/clock.h"
#include "libp2p/discovery/mdns/mdns_service.h"
#include "libp2p/host/host.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

namespace kvp2p {

/// Dials under way, and peers that are remembered as not worth dialling again soon.
inline constexpr std::size_t kDiscoveryDialsMax = 16;
inline constexpr std::size_t kDiscoveryMemoryMax = 1024;
inline constexpr base::Duration kDiscoveryRetryTime = std::chrono::minutes(1);

/// Node thread only.
class LocalDiscovery {
 public:
  /// Whom it hears of, whether dialled or not.
  using OnPeer = std::function<void(const multiformats::PeerId&, const std::vector<multiformats::Multiaddr>&)>;

  LocalDiscovery(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, OnPeer heard);

  /// In a private network, of its own nodes.
  void start(const std::optional<libp2p::pnet::PreSharedKey>& network_key);
  /// Asks again now: somebody waits for peers.
  void query_now();
  /// Idempotent; the host may be closed afterwards.
  void stop();
  /// Coroutines that have not ended yet.
  std::size_t running() const;

 private:
  struct State;
  static void on_peer(const std::shared_ptr<State>& state, multiformats::PeerId peer,
                      std::vector<multiformats::Multiaddr> addresses);
  static base::Task<> dial(std::shared_ptr<State> state, multiformats::PeerId peer,
                           std::vector<multiformats::Multiaddr> addresses);

  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
