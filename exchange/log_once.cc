#include "exchange/log_once.h"

#include <algorithm>

namespace kvp2p {

bool LogOnce::first(const multiformats::PeerId& peer, std::string_view what) {
  auto at = said_.find(peer);
  if (at == said_.end()) {
    if (said_.size() >= kLogPeersMax) return false;
    at = said_.try_emplace(peer).first;
  }
  if (at->second.size() >= kLogLinesPerPeerMax) return false;
  return at->second.insert(std::hash<std::string_view>()(what)).second;
}

std::string printable(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return out;
}

}  // namespace kvp2p
