// Nonces that peers were given over their sessions and may show once on the socket.
#pragma once

#include "base/clock.h"
#include "direct/ticket.h"
#include "multiformats/peer_id.h"

#include <deque>
#include <optional>

namespace kvp2p::direct {

/// Bounded by kDirectTicketsMax and kDirectTicketsPerPeerMax. Not thread-safe.
class TicketTable {
 public:
  std::array<std::uint8_t, 32> issue(const multiformats::PeerId& peer, base::TimePoint now);
  /// The peer that it was given to, once, and not after kDirectTicketLife. The comparison takes the same time whatever
  /// is shown.
  std::optional<multiformats::PeerId> take(const std::array<std::uint8_t, 32>& nonce, base::TimePoint now);
  std::size_t size() const { return tickets_.size(); }

 private:
  struct Ticket {
    std::array<std::uint8_t, 32> nonce{};
    multiformats::PeerId peer;
    base::TimePoint until;
  };
  void drop_expired(base::TimePoint now);

  std::deque<Ticket> tickets_;  // oldest first
};

}  // namespace kvp2p::direct
