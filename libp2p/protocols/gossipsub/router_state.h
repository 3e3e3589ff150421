// What the parts of the router share: parameters, peers, scores, the source of chance, and what is to be sent.
#pragma once

#include "libp2p/protocols/gossipsub/backoff_table.h"
#include "libp2p/protocols/gossipsub/config.h"
#include "libp2p/protocols/gossipsub/outgoing.h"
#include "libp2p/protocols/gossipsub/peer_score.h"
#include "libp2p/protocols/gossipsub/peer_table.h"

#include <algorithm>
#include <random>
#include <vector>

namespace libp2p::gossipsub {

struct RouterState {
  explicit RouterState(const Config& config)
      : mesh(config.mesh),
        thresholds(config.thresholds),
        limits(config.limits),
        random(config.seed),
        peers(config.limits),
        score(config.score),
        backoff(config.limits.backoffs_max) {}

  const MeshParams mesh;
  const ScoreThresholds thresholds;
  const Limits limits;
  std::mt19937_64 random;
  PeerTable peers;
  PeerScore score;
  BackoffTable backoff;
  Outgoing out;

  /// Keeps `count` of `from`, chosen at random and in random order.
  template <class T>
  void choose(std::vector<T>& from, std::size_t count) {
    std::shuffle(from.begin(), from.end(), random);
    if (from.size() > count) from.erase(from.begin() + static_cast<std::ptrdiff_t>(count), from.end());
  }
};

}  // namespace libp2p::gossipsub
