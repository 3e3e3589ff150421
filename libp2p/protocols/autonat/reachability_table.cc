#include "libp2p/protocols/autonat/reachability_table.h"

#include <algorithm>

namespace libp2p::autonat {

using multiformats::Multiaddr;
using multiformats::PeerId;

base::TimePoint ReachabilityTable::latest(const Results& results) {
  base::TimePoint time{};
  for (const auto& [server, result] : results) time = std::max(time, result.time);
  return time;
}

void ReachabilityTable::record(const Multiaddr& address, const PeerId& server, bool reached, base::TimePoint now) {
  if (addresses_.size() >= kTableAddressesMax && !addresses_.contains(address)) {
    addresses_.erase(std::ranges::min_element(addresses_, {}, [](const auto& each) { return latest(each.second); }));
  }
  Results& results = addresses_[address];
  std::erase_if(results, [now](const auto& each) { return now - each.second.time >= kResultTime; });
  if (results.size() >= kTableResultsMax && !results.contains(server)) {
    results.erase(std::ranges::min_element(results, {}, [](const auto& each) { return each.second.time; }));
  }
  results.insert_or_assign(server, Result{reached, now});
}

Verdict ReachabilityTable::verdict(const Multiaddr& address, base::TimePoint now) const {
  const auto found = addresses_.find(address);
  if (found == addresses_.end()) return Verdict::kUnknown;
  std::size_t reached = 0, not_reached = 0;
  for (const auto& [server, result] : found->second) {
    if (now - result.time < kResultTime) ++(result.reached ? reached : not_reached);
  }
  if (reached >= confidence_ && reached > not_reached) return Verdict::kReachable;
  if (not_reached >= confidence_ && not_reached > reached) return Verdict::kUnreachable;
  return Verdict::kUnknown;
}

std::optional<base::TimePoint> ReachabilityTable::asked(const Multiaddr& address, const PeerId& server,
                                                        base::TimePoint now) const {
  const auto found = addresses_.find(address);
  if (found == addresses_.end()) return std::nullopt;
  const auto result = found->second.find(server);
  if (result == found->second.end() || now - result->second.time >= kResultTime) return std::nullopt;
  return result->second.time;
}

std::optional<base::TimePoint> ReachabilityTable::asked(const Multiaddr& address, base::TimePoint now) const {
  const auto found = addresses_.find(address);
  if (found == addresses_.end() || now - latest(found->second) >= kResultTime) return std::nullopt;
  return latest(found->second);
}

}  // namespace libp2p::autonat
