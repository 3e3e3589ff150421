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
  /// authenticated: no network does this, but a holder's memory may rot.
  kWrongBytes,
  /// Did not send what it had leased to this node.
  kRefusedGet,
  /// Goes on announcing a block that it does not have.
  kBrokenPromise,
  /// A message beyond what any node has to ask or announce.
  kFlood,
};

/// Offences count points, which fade; with too many a peer is banned. Pure state; bounded. Not thread-safe.
class Conduct {
 public:
  static constexpr double kPointsMax = 100;
  static constexpr double kWrongBytesPoints = 60;
  static constexpr double kRefusedGetPoints = 20;
  static constexpr double kBrokenPromisePoints = 20;
  static constexpr double kFloodPoints = 5;
  /// What a transfer in which the peer has brought a whole block makes good.
  static constexpr double kGoodPoints = 10;
  /// Refused gets and broken promises count once in this time: one mishap of an honest peer can meet many transfers.
  static constexpr base::Duration kOneMishap = std::chrono::seconds(1);
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
    base::TimePoint mishap_until{};
    base::TimePoint banned_until{};
    double points_at(base::TimePoint now) const;
  };
  Record& record_of(const multiformats::PeerId& peer, base::TimePoint now);
  void make_room(base::TimePoint now);

  std::unordered_map<multiformats::PeerId, Record> peers_;
};

}  // namespace kvp2p
