#pragma once

#include "libp2p/host/host.h"

#include <algorithm>

namespace libp2p {

inline bool is_connected(const Host& host, const multiformats::PeerId& peer) {
  const auto peers = host.peers();
  return std::ranges::find(peers, peer) != peers.end();
}

}  // namespace libp2p
