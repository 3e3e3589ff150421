// Who holds what, as far as peers have told. One schema, whoever carries it: connected peers now, gossip later.
#pragma once

#include "kv/block_key.h"
#include "multiformats/peer_id.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace kvp2p {

/// Node thread only. Bounded: beyond `pairs_max` the entries of the peer that has most are dropped first, oldest first,
/// so that one flooding peer cannot push out the others'.
class BlockIndex {
 public:
  explicit BlockIndex(std::size_t pairs_max = 4'000'000);
  ~BlockIndex();

  /// `epoch` is the peer's incarnation: what it announced in an earlier one is forgotten.
  void stored(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys);
  void evicted(const multiformats::PeerId& peer, std::uint64_t epoch, std::span<const BlockKey> keys);
  /// The peer is gone, or has cleared everything.
  void forget(const multiformats::PeerId& peer);

  /// For each peer that holds a leading run of `keys` from `keys[from]` on: how many blocks of it. Longest first, at
  /// most `peers_max`.
  struct Holder {
    multiformats::PeerId peer;
    std::size_t blocks = 0;
  };
  std::vector<Holder> holders(std::span<const BlockKey> keys, std::size_t from, std::size_t peers_max) const;

  std::size_t pairs() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kvp2p
