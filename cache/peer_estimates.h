// How fast each peer has been lately, by path.
#pragma once

#include "base/clock.h"
#include "exchange/moving_average.h"
#include "multiformats/peer_id.h"

#include <map>
#include <mutex>
#include <optional>
#include <vector>

namespace kvp2p {

enum class PeerPath : std::uint8_t { kNetwork, kDirect };

/// What is older says nothing: the peer is fetched from and measured again.
inline constexpr base::Duration kEstimateLife = std::chrono::seconds(60);
/// So many bytes at once, or so many fetches, before a rate is believed: the first also opens connections and windows.
inline constexpr std::size_t kEstimateBytesMin = std::size_t{1} << 20;
inline constexpr std::size_t kEstimateSamplesMin = 3;
inline constexpr std::size_t kEstimatePeersMax = 4096;

struct PathEstimate {
  double bytes_per_second = 0;
  /// From asking to the first bytes.
  base::Duration latency{};
};

/// Thread-safe.
class PeerEstimates {
 public:
  /// What one fetch from a peer brought: `latency` of `time` passed before the first of it was there.
  void add(const multiformats::PeerId& peer, PeerPath path, std::size_t bytes, base::Duration latency,
           base::Duration time, base::TimePoint now);
  /// Nothing while too little was measured, or too long ago.
  std::optional<PathEstimate> get(const multiformats::PeerId& peer, PeerPath path, base::TimePoint now) const;

  struct Total {
    multiformats::PeerId peer;
    PeerPath path;
    std::uint64_t bytes = 0;
  };
  /// The peers that brought most, at most `count`.
  std::vector<Total> totals(std::size_t count) const;

 private:
  struct Path {
    MovingAverage bytes_per_second;
    MovingAverage latency;  // nanoseconds
    std::size_t samples = 0;
    std::size_t largest = 0;
    std::uint64_t bytes = 0;
    base::TimePoint last{};
  };
  mutable std::mutex mutex_;
  std::map<std::pair<multiformats::PeerId, PeerPath>, Path> paths_;
};

}  // namespace kvp2p
