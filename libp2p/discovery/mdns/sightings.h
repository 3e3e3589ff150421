// Which discoveries are news.
#pragma once

#include "base/clock.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <map>
#include <span>
#include <utility>

namespace libp2p::mdns {

/// An address that is still announced is told again after this time, so that who failed to connect may try again.
inline constexpr base::Duration kToldAgainAfter = std::chrono::seconds(30);
/// Bound on the addresses remembered. When there are more, all are forgotten, at the price of telling some twice.
inline constexpr std::size_t kSightingsMax = 4096;

/// Remembers what has been told lately. Not thread-safe; time is passed in.
class Sightings {
 public:
  /// Whether one of the peer's addresses is new or was last told long ago; if so, all of them count as told now.
  bool is_news(const multiformats::PeerId& peer, std::span<const multiformats::Multiaddr> addresses,
               base::TimePoint now);

 private:
  std::map<std::pair<multiformats::PeerId, multiformats::Multiaddr>, base::TimePoint> told_;
};

}  // namespace libp2p::mdns
