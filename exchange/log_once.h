// Keeps a peer from filling the log: each thing about it is said once.
#pragma once

#include "exchange/limits.h"
#include "multiformats/peer_id.h"

#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace kvp2p {

/// Bounded by kLogPeersMax peers with kLogLinesPerPeerMax things each; beyond that nothing is said.
class LogOnce {
 public:
  /// True the first time.
  bool first(const multiformats::PeerId& peer, std::string_view what);

 private:
  std::unordered_map<multiformats::PeerId, std::unordered_set<std::size_t>> said_;  // hashes of texts
};

/// A peer's text for the log: printable ASCII, the rest as '?'.
std::string printable(std::string_view text);

}  // namespace kvp2p
