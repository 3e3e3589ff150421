// What peers have done wrong, and which of them this node has nothing more to do with for a while.
#pragma once

#include "base/clock.h"
#include "multiformats/peer_id.h"

#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace kvp2p {

enum class Offence : std::uint8_t {
  /// Bytes that do not match their digest, or parts that do not make up the block that was looked up. The connection is
  /// authenticated: no network does this.
  kWrongBytes,
  /// Did not send what it had said a moment ago that it has.
  kRefusedGet,
  /// Announced blocks of which it has none.
  kBrokenPromise,
  /// Asked or announced more than it may.
  kFlood,
};

/// Offences count points, which fade; with too many a peer is banned. Pure state; bounded. Not thread-safe.
class Conduct {
 public:
  static constexpr double kPointsMax = 100;
  static constexpr double kWrongBytesPoints = 100;
  static constexpr double kRefusedGetPoints = 20;
  static constexpr double kBrokenPromisePoints = 5;
  static constexpr double kFloodPoints = 1;
  /// What a get that brought everything makes good.
  static constexpr double kGoodPoints = 10;
  static constexpr base::Duration kHalfLife = std::chrono::minutes(10);
  static constexpr base::Duration kBanTime = std::chrono::minutes(30);
  /// Beyond that those are forgotten who have done least.
  static constexpr std::size_t kPeersMax = 16'384;

  /// True if the peer is banned from now on, and was not before.
  bool note(const multiformats::PeerId& peer, Offence offence, base::TimePoint now);
  void note_good(const multiformats::PeerId& peer, base::TimePoint now);
  bool is_banned(const multiformats::PeerId& peer, base::TimePoint now) const;
  std::size_t size() const { return peers_.size(); }

 private:
  struct Record {
    double points = 0;
    base::TimePoint when{};  // of the points
    base::TimePoint banned_until{};
    double points_at(base::TimePoint now) const;
  };
  Record& record_of(const multiformats::PeerId& peer, base::TimePoint now);
  void make_room(base::TimePoint now);

  std::unordered_map<multiformats::PeerId, Record> peers_;
};

}  // namespace kvp2p
