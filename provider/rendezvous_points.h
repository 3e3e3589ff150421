// Registers this node at the rendezvous points that it knows, and hears there of others.
#pragma once

#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/host/host.h"
#include "provider/retry_pause.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kvp2p {

/// The name that KV nodes register under, if no other is given.
inline constexpr std::string_view kRendezvousName = "kv-cache-p2p";
/// A point is asked who is new after the first, doubled each time, up to the last; each with chance in it.
inline constexpr base::Duration kRendezvousAskMin = std::chrono::milliseconds(200);
inline constexpr base::Duration kRendezvousAskMax = std::chrono::seconds(30);
/// For how long a registration is to hold; it is renewed after half of that, or when our addresses have changed.
inline constexpr std::chrono::hours kRendezvousTtl{2};
/// Points that are used at a time, and peers that one answer brings.
inline constexpr std::size_t kRendezvousPointsMax = 16;
inline constexpr std::size_t kRendezvousPeersMax = 256;

/// Node thread only. A coroutine a point, which ends soon after stop().
class RendezvousPoints {
 public:
  using OnFound = std::function<void(const multiformats::PeerId&, const std::vector<multiformats::Multiaddr>&)>;

  /// `found` hears of everybody who is registered under `name`, but for this node.
  RendezvousPoints(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
                   const multiformats::PrivateKey& key, std::string name, Chance chance, OnFound found);

  /// There is a connection to `peer`: it is used as a point from now on, while the connection lasts, if it is one.
  void use(const multiformats::PeerId& peer);
  /// Idempotent; the host may be closed afterwards.
  void stop();
  /// Coroutines that have not ended yet.
  std::size_t running() const;

 private:
  struct State;
  static base::Task<> keep_registered(std::shared_ptr<State> state, multiformats::PeerId peer,
                                      std::shared_ptr<libp2p::Connection> connection);
  std::shared_ptr<State> state_;
};

}  // namespace kvp2p
