// One relay that is listened at.
#pragma once

#include "base/signal.h"
#include "libp2p/core/transport.h"
#include "libp2p/protocols/relay/circuit_address.h"
#include "libp2p/protocols/relay/client.h"

#include <deque>
#include <memory>

namespace libp2p::relay {

/// Circuits that have been accepted from the relay and not by the host; further ones are refused.
inline constexpr std::size_t kArrivedMax = 32;

/// Shared by the client, the listener, and the coroutine that keeps the reservation.
struct RelaySlot {
  RelaySlot(const base::Executor& executor, CircuitAddress where_to, multiformats::Multiaddr address)
      : where(std::move(where_to)), listen_address(std::move(address)), changed(executor) {
    state.relay = where.relay;
  }

  CircuitAddress where;
  multiformats::Multiaddr listen_address;
  RelayState state;
  std::deque<RawConnection> arrived;
  /// Of anything below, or of `arrived`.
  base::Signal changed;
  bool closed = false;
  /// The last connection to the relay has ended since the reservation was granted.
  bool lost = false;
};

using RelaySlotPtr = std::shared_ptr<RelaySlot>;

}  // namespace libp2p::relay
