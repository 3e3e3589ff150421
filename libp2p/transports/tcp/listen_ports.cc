#include "libp2p/transports/tcp/listen_ports.h"

#include <algorithm>

namespace libp2p {

using boost::asio::ip::tcp;

void ListenPorts::remove(const tcp::endpoint& bound) {
  const auto found = std::ranges::find(bound_, bound);
  if (found != bound_.end()) bound_.erase(found);
}

std::optional<tcp::endpoint> ListenPorts::to_dial(const tcp::endpoint& remote) const {
  std::optional<tcp::endpoint> best;
  for (const tcp::endpoint& each : bound_) {
    if (each.protocol() != remote.protocol()) continue;
    if (each.address().is_unspecified()) return each;
    if (!best && each.address().is_loopback() == remote.address().is_loopback()) best = each;
  }
  return best;
}

}  // namespace libp2p
