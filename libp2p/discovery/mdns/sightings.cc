#include "libp2p/discovery/mdns/sightings.h"

#include <algorithm>

namespace libp2p::mdns {

bool Sightings::is_news(const multiformats::PeerId& peer, std::span<const multiformats::Multiaddr> addresses,
                        base::TimePoint now) {
  const bool news = std::any_of(addresses.begin(), addresses.end(), [&](const multiformats::Multiaddr& address) {
    const auto told = told_.find({peer, address});
    return told == told_.end() || told->second + kToldAgainAfter <= now;
  });
  if (!news) return false;
  if (told_.size() + addresses.size() > kSightingsMax) told_.clear();
  for (const multiformats::Multiaddr& address : addresses) told_[{peer, address}] = now;
  return true;
}

}  // namespace libp2p::mdns
