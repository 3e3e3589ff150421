// What is known of our addresses: which can be reached, which cannot. No I/O.
#pragma once

#include "base/clock.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <map>
#include <optional>
#include <vector>

namespace libp2p::autonat {

enum class Verdict { kUnknown, kReachable, kUnreachable };

/// Addresses that results are kept of; beyond that the one whose last is oldest goes.
inline constexpr std::size_t kTableAddressesMax = 32;
/// Servers' results of one address.
inline constexpr std::size_t kTableResultsMax = 16;
/// For how long a result holds.
inline constexpr base::Duration kResultTime = std::chrono::hours(1);

/// Not thread-safe. Time is passed in and does not go backwards. A server's last word on an address counts; a verdict
/// takes `confidence` servers that agree, and more that agree than that do not.
class ReachabilityTable {
 public:
  explicit ReachabilityTable(std::size_t confidence) : confidence_(confidence) {}

  void record(const multiformats::Multiaddr& address, const multiformats::PeerId& server, bool reached,
              base::TimePoint now);
  Verdict verdict(const multiformats::Multiaddr& address, base::TimePoint now) const;
  /// When the server has last spoken of the address; nothing if it has not, or that holds no more.
  std::optional<base::TimePoint> asked(const multiformats::Multiaddr& address, const multiformats::PeerId& server,
                                       base::TimePoint now) const;
  /// When anybody has.
  std::optional<base::TimePoint> asked(const multiformats::Multiaddr& address, base::TimePoint now) const;
  std::size_t size() const { return addresses_.size(); }

 private:
  struct Result {
    bool reached;
    base::TimePoint time;
  };
  using Results = std::map<multiformats::PeerId, Result>;

  static base::TimePoint latest(const Results& results);

  std::size_t confidence_;
  std::map<multiformats::Multiaddr, Results> addresses_;
};

}  // namespace libp2p::autonat
