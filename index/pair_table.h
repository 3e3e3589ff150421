// A compact, bounded set of (block key, peer) pairs.
#pragma once

#include "kv/block_key.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvp2p {

/// 32 bytes a pair and up to 8 of hash table, allocated as it fills. Not thread-safe.
///
/// Only the first 16 bytes of a key are kept: what is here are hints, and whoever asks the peer asks with the whole
/// key. At `pairs_max`, each new pair drops the oldest one of the peer that has most.
class PairTable {
 public:
  /// Small numbers, given by the owner: the table keeps an array of them.
  using PeerNumber = std::uint32_t;

  /// REQUIRES: 0 < pairs_max < 2^32 - 1.
  explicit PairTable(std::size_t pairs_max);

  /// A pair that is there already becomes its peer's newest.
  void insert(const BlockKey& key, PeerNumber peer);
  void erase(const BlockKey& key, PeerNumber peer);
  void erase_peer(PeerNumber peer);

  bool contains(const BlockKey& key, PeerNumber peer) const;
  std::vector<PeerNumber> peers_of(const BlockKey& key) const;
  std::size_t size() const { return used_; }

 private:
  using Place = std::uint32_t;
  static constexpr Place kNone = UINT32_MAX;
  using Prefix = std::array<std::uint64_t, 2>;

  struct Pair {
    Prefix key{};
    PeerNumber peer = 0;
    Place chain = kNone;  // next in the same bucket, or next free place
    Place older = kNone;  // the same peer's
    Place newer = kNone;
  };
  struct Peer {
    Place oldest = kNone;
    Place newest = kNone;
    std::size_t pairs = 0;
  };

  std::size_t bucket_of(const Prefix& key) const;
  Place find(const Prefix& key, PeerNumber peer) const;
  void link_newest(Place place);
  void unlink(Place place);
  void remove(Place place);
  Place take_place();
  void drop_oldest_of_largest();
  void grow_buckets();

  std::size_t pairs_max_;
  std::size_t used_ = 0;
  std::vector<Pair> pairs_;
  Place free_ = kNone;
  std::vector<Place> buckets_;  // a power of two
  std::vector<Peer> peers_;
  // Keys come from peers: without a secret, chosen keys could share one bucket.
  std::array<std::uint64_t, 2> secret_{};
};

}  // namespace kvp2p
