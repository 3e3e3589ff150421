// Who holds what, as far as peers have told. One schema, whoever carries it: connected peers, and gossip.
#pragma once

#include "base/clock.h"
#include "kv/key_prefix.h"
#include "multiformats/peer_id.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace kvp2p {

class HeldBlocks;

/// Node thread only. Bounded: beyond `pairs_max` the entries of the peer that has most are dropped first, oldest first,
/// so that one flooding peer cannot push out the others'. About 40 bytes a pair of block and holder. A look-up of 512
/// blocks takes some 20 µs (docs/index.md).
///
/// Of a key its prefix is kept (kv/key_prefix.h): answers are hints.
class BlockIndex {
 public:
  static constexpr std::size_t kPairsMax = 4'000'000;
  /// Who is told of beyond that is not listened to until another is forgotten. Each look-up asks all of them for the
  /// first block.
  static constexpr std::size_t kHoldersMax = 4096;

  /// What one peer says about one model is kept together. What comes over the peer's own session is of no topic.
  struct Source {
    multiformats::PeerId peer;
    Fingerprint topic = {};
    bool operator==(const Source&) const = default;
  };

  explicit BlockIndex(std::size_t pairs_max = kPairsMax, std::size_t holders_max = kHoldersMax);
  ~BlockIndex();

  /// `epoch` is the peer's incarnation: what it announced in an earlier one is forgotten.
  void stored(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys);
  void evicted(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys);
  void stored(const Source& source, std::uint64_t epoch, std::span<const KeyPrefix> keys);
  void evicted(const Source& source, std::uint64_t epoch, std::span<const KeyPrefix> keys);
  /// The peer is gone, or has cleared everything: of no topic.
  void forget(const multiformats::PeerId& peer) { forget(Source{peer}); }
  void forget(const Source& source);
  /// Of all topics.
  void forget_all(const multiformats::PeerId& peer);

  /// The source is alive, or has confirmed what is known of it.
  void heard(const Source& source, base::TimePoint now);
  /// Forgets whoever was heard() last before `when`; those of whom that was never said stay.
  void forget_silent(base::TimePoint when);

  /// What is known of a source; null if nothing. Valid until the next call that changes anything.
  const HeldBlocks* blocks_of(const Source& source) const;
  /// Whether entries of this source have been dropped since it was last forgotten: then less is known than it told.
  bool is_truncated(const Source& source) const;

  /// A peer was asked for `promised` blocks that it was said to hold, and had the first `found` of them: what it says
  /// counts for more or less from now on, though it be forgotten meanwhile. REQUIRES: promised > 0.
  void tested(const multiformats::PeerId& peer, std::size_t promised, std::size_t found);
  /// Above 0 and below 1 (beliefs.h).
  double belief_in(const multiformats::PeerId& peer) const;

  /// For each peer that holds a leading run of `keys` from `keys[from]` on: how many blocks of it. Longest first, by
  /// how much of what the peer says has proved true; at most `peers_max`. So those who announce everything and have
  /// nothing do not stand before those who have it, once they have been tested.
  struct Holder {
    multiformats::PeerId peer;
    std::size_t blocks = 0;
  };
  std::vector<Holder> holders(std::span<const BlockKey> keys, std::size_t from, std::size_t peers_max) const;

  std::size_t pairs() const;
  /// All that it has allocated.
  std::size_t bytes() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kvp2p
