#include "libp2p/protocols/relay/circuit_address.h"

#include "libp2p/core/error.h"
#include "multiformats/varint.h"

#include <algorithm>

namespace libp2p::relay {

using multiformats::AddrComponent;
using multiformats::AddrProtocol;
using multiformats::Multiaddr;

namespace {

/// The address that consists of the first `count` components.
Multiaddr first_of(const Multiaddr& address, std::size_t count) {
  Multiaddr rest = address;
  for (std::size_t i = 0; i < count; ++i) rest = rest.without_first();
  const base::ConstBytes bytes = address.to_bytes();
  return Multiaddr::from_bytes(bytes.first(bytes.size() - rest.to_bytes().size())).value();
}

}  // namespace

base::Result<CircuitAddress> CircuitAddress::parse(const Multiaddr& address) {
  const auto parts = address.components();
  const auto is_circuit = [](const AddrComponent& each) { return each.protocol == AddrProtocol::kP2pCircuit; };
  const auto circuit = std::ranges::find_if(parts, is_circuit);
  if (circuit == parts.end() || circuit == parts.begin()) return Error::kUnsupportedAddress;
  const auto behind = static_cast<std::size_t>(parts.end() - circuit) - 1;
  const auto target = address.peer_id();
  if (behind > 1 || (behind == 1 && !target)) return Error::kUnsupportedAddress;
  const Multiaddr to_relay = first_of(address, static_cast<std::size_t>(circuit - parts.begin()));
  const auto relay = to_relay.peer_id();
  if (!relay) return Error::kUnsupportedAddress;
  return CircuitAddress{*relay, to_relay.without_peer(), behind == 1 ? target : std::nullopt};
}

base::Result<Multiaddr> make_circuit_address(const Multiaddr& relay_address, const multiformats::PeerId& relay) {
  static const Multiaddr circuit = Multiaddr::from_text("/p2p-circuit").value();
  const auto named = relay_address.peer_id();
  if (relay_address.has(AddrProtocol::kP2pCircuit) || (named && *named != relay)) return Error::kUnsupportedAddress;
  const auto with_relay = relay_address.with_peer(relay);
  if (!with_relay) return Error::kUnsupportedAddress;
  auto whole = with_relay->encapsulate(circuit);
  if (!whole) return Error::kUnsupportedAddress;
  return whole;
}

}  // namespace libp2p::relay
