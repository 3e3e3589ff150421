#pragma once

#include "libp2p/host/host.h"

namespace libp2p {

inline bool is_connected(const Host& host, const multiformats::PeerId& peer) {
  return !host.connections_to(peer).empty();
}

}  // namespace libp2p
