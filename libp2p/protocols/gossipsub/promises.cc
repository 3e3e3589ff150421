#include "libp2p/protocols/gossipsub/promises.h"

namespace libp2p::gossipsub {

void Promises::add(const MessageId& id, const multiformats::PeerId& peer, base::TimePoint until) {
  by_message_[id].emplace(peer, until);
}

void Promises::forget(const multiformats::PeerId& peer) {
  for (auto& [id, peers] : by_message_) peers.erase(peer);
  std::erase_if(by_message_, [](const auto& each) { return each.second.empty(); });
}

std::map<multiformats::PeerId, std::size_t> Promises::broken(base::TimePoint now) {
  std::map<multiformats::PeerId, std::size_t> counts;
  for (auto& [id, peers] : by_message_) {
    std::erase_if(peers, [&](const auto& promise) {
      if (promise.second > now) return false;
      ++counts[promise.first];
      return true;
    });
  }
  std::erase_if(by_message_, [](const auto& each) { return each.second.empty(); });
  return counts;
}

std::size_t Promises::size() const {
  std::size_t count = 0;
  for (const auto& [id, peers] : by_message_) count += peers.size();
  return count;
}

}  // namespace libp2p::gossipsub
