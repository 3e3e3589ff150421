#include "provider/peer_list.h"

#include "base/text_lines.h"

namespace kvp2p {

namespace {

base::TextError too_long() { return {0, "longer than " + std::to_string(kPeerListBytesMax >> 20) + " MiB"}; }

}  // namespace

base::TextResult<std::vector<multiformats::Multiaddr>> parse_peer_list(std::string_view text) {
  if (text.size() > kPeerListBytesMax) return too_long();
  std::vector<multiformats::Multiaddr> addresses;
  base::TextLines lines(text);
  while (lines.next()) {
    auto address = multiformats::Multiaddr::from_text(lines.content());
    if (!address || address->empty()) {
      return base::TextError{lines.number(), "not a multiaddr, such as /ip4/192.0.2.7/tcp/9100/p2p/12D3KooW…"};
    }
    if (addresses.size() == kListedPeersMax) {
      return base::TextError{lines.number(), "more than " + std::to_string(kListedPeersMax) + " peers"};
    }
    addresses.push_back(std::move(*address));
  }
  return addresses;
}

base::TextResult<GateList> parse_gate_list(std::string_view text) {
  if (text.size() > kPeerListBytesMax) return too_long();
  GateList list;
  base::TextLines lines(text);
  while (lines.next()) {
    if (list.peers.size() + list.addresses.size() == kListedGateEntriesMax) {
      return base::TextError{lines.number(), "more than " + std::to_string(kListedGateEntriesMax) + " entries"};
    }
    if (const auto peer = multiformats::PeerId::from_text(lines.content())) {
      list.peers.push_back(*peer);
    } else if (const auto range = libp2p::AddressRange::from_text(lines.content())) {
      list.addresses.push_back(*range);
    } else {
      return base::TextError{lines.number(), "neither a peer id (12D3KooW…) nor a range of addresses (10.0.0.0/8)"};
    }
  }
  return list;
}

}  // namespace kvp2p
