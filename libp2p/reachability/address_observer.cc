#include "libp2p/reachability/address_observer.h"

#include <algorithm>

namespace libp2p {

namespace {

/// Whether the connection is one from or to a port that is listened on: of others, peers see a port at which nobody is.
bool is_at_listen_port(const Host& host, const Connection& connection) {
  const auto local = connection.local_address().tcp_endpoint();
  if (!local) return false;
  return std::ranges::any_of(host.addresses(), [&](const multiformats::Multiaddr& each) {
    const auto endpoint = each.tcp_endpoint();
    return endpoint && endpoint->port == local->port;
  });
}

}  // namespace

AddressObserver::AddressObserver(base::Clock& clock, Host& host, std::size_t observers_min,
                                 std::function<void()> changed)
    : clock_(clock), state_(std::make_shared<State>(State{ObservedAddresses(observers_min), std::move(changed)})) {
  host.on_identified([weak = std::weak_ptr(state_), &clock, &host](std::shared_ptr<Connection> connection) {
    if (const auto state = weak.lock()) identified(*state, clock, host, *connection);
  });
}

void AddressObserver::identified(State& state, base::Clock& clock, const Host& host, const Connection& connection) {
  if (is_relayed(connection) || !is_at_listen_port(host, connection)) return;
  const auto info = host.peer_info(connection.remote_peer());
  if (!info || !info->observed_address) return;
  state.observed.observe(connection.remote_peer(), connection.remote_address(), *info->observed_address, clock.now());
  if (state.changed) state.changed();
}

}  // namespace libp2p
