// How far peers' announcements have proved true.
#pragma once

#include "multiformats/peer_id.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>

namespace kvp2p {

/// Pure state; bounded. Of whom nothing is known, half of what they say is believed.
class Beliefs {
 public:
  static constexpr double kOfStrangers = 0.5;
  static constexpr std::size_t kPeersMax = 16'384;

  /// The share of what the peer promises that is to be expected: above 0 and below 1.
  double of(const multiformats::PeerId& peer) const {
    const auto at = seen_.find(peer);
    return at == seen_.end() ? kOfStrangers : at->second.belief();
  }
  /// The peer was asked for `promised` blocks and had the first `found` of them. REQUIRES: promised > 0.
  void tested(const multiformats::PeerId& peer, std::size_t promised, std::size_t found) {
    if (seen_.size() >= kPeersMax && !seen_.contains(peer)) seen_.erase(seen_.begin());
    Seen& seen = seen_[peer];
    const double share = std::min(1.0, static_cast<double>(found) / static_cast<double>(promised));
    seen.kept += share;
    seen.broken += 1 - share;
    // What was long ago counts less and less.
    if (seen.kept + seen.broken <= kTestsRemembered) return;
    seen.kept /= 2;
    seen.broken /= 2;
  }

 private:
  static constexpr double kTestsRemembered = 64;
  struct Seen {
    double kept = 0;
    double broken = 0;
    double belief() const { return (kept + 1) / (kept + broken + 2); }
  };
  std::unordered_map<multiformats::PeerId, Seen> seen_;
};

}  // namespace kvp2p
