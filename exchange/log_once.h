// Keeps a peer from filling the log: each thing about it is said once.
#pragma once

#include "exchange/limits.h"
#include "multiformats/peer_id.h"

#include <string>
#include <string_view>
#include <unordered_set>

namespace kvp2p {

class LogOnce {
 public:
  /// True the first time; false again and, so that peers cannot make it grow, once kLogOnceMax things were said.
  bool first(const multiformats::PeerId& peer, std::string_view what) {
    if (said_.size() >= kLogOnceMax) return false;
    return said_.insert(std::string(base::as_text(peer.as_bytes())).append(what)).second;
  }

 private:
  std::unordered_set<std::string> said_;
};

/// A peer's text for the log: printable ASCII, the rest as '?'.
std::string printable(std::string_view text);

}  // namespace kvp2p
