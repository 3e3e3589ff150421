#include "direct/ticket_table.h"

#include "direct/limits.h"

#include <openssl/crypto.h>

#include <algorithm>

namespace kvp2p::direct {

std::array<std::uint8_t, 32> TicketTable::issue(const multiformats::PeerId& peer, base::TimePoint now) {
  drop_expired(now);
  const auto is_theirs = [&](const Ticket& ticket) { return ticket.peer == peer; };
  if (std::count_if(tickets_.begin(), tickets_.end(), is_theirs) >=
      static_cast<std::ptrdiff_t>(kDirectTicketsPerPeerMax)) {
    tickets_.erase(std::find_if(tickets_.begin(), tickets_.end(), is_theirs));
  }
  if (tickets_.size() >= kDirectTicketsMax) tickets_.pop_front();
  Ticket ticket{{}, peer, now + kDirectTicketLife};
  base::random_bytes(ticket.nonce);
  tickets_.push_back(ticket);
  return ticket.nonce;
}

std::optional<multiformats::PeerId> TicketTable::take(const std::array<std::uint8_t, 32>& nonce, base::TimePoint now) {
  drop_expired(now);
  auto found = tickets_.end();
  for (auto at = tickets_.begin(); at != tickets_.end(); ++at) {
    if (CRYPTO_memcmp(at->nonce.data(), nonce.data(), nonce.size()) == 0) found = at;
  }
  if (found == tickets_.end()) return std::nullopt;
  const multiformats::PeerId peer = found->peer;
  tickets_.erase(found);
  return peer;
}

void TicketTable::drop_expired(base::TimePoint now) {
  while (!tickets_.empty() && tickets_.front().until <= now) tickets_.pop_front();
}

}  // namespace kvp2p::direct
