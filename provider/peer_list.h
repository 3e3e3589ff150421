// Lists of peers in text files, as people write them: one a line, # begins a comment. Pure functions.
#pragma once

#include "base/text_error.h"
#include "libp2p/host/connection_gate.h"
#include "multiformats/multiaddr.h"

#include <string_view>
#include <vector>

namespace kvp2p {

inline constexpr std::size_t kPeerListBytesMax = 1 << 20;
inline constexpr std::size_t kListedPeersMax = 512;
inline constexpr std::size_t kListedGateEntriesMax = 10'000;

/// A file of peers to keep connected to: multiaddrs, with or without /p2p/<peer id> at their end.
base::TextResult<std::vector<multiformats::Multiaddr>> parse_peer_list(std::string_view text);

/// A file of peers to allow or to deny: peer ids, and ranges of IP addresses as 10.0.0.0/8.
struct GateList {
  std::vector<multiformats::PeerId> peers;
  std::vector<libp2p::AddressRange> addresses;
  friend bool operator==(const GateList&, const GateList&) = default;
};
base::TextResult<GateList> parse_gate_list(std::string_view text);

}  // namespace kvp2p
