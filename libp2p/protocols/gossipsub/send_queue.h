// What waits to be sent to one peer.
#pragma once

#include "libp2p/protocols/gossipsub/outgoing.h"

#include <list>
#include <memory>
#include <vector>

namespace libp2p::gossipsub {

/// Pure state, bounded: a peer that takes less than there is for it loses gossip first, then messages; never does it
/// keep others waiting.
class SendQueue {
 public:
  enum class Outcome { kQueued, kDropped, kOverflow };
  using Frame = std::shared_ptr<const base::Bytes>;

  explicit SendQueue(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// kDropped: gossip at half of `bytes_max`, messages at the whole of it. kOverflow: at twice as much, what must not
  /// be lost was dropped too.
  Outcome push(SendKind kind, Frame frame);
  /// The next ones: one, and more of them up to so many bytes.
  std::vector<Frame> take(std::size_t bytes);
  void clear();

  bool empty() const { return frames_.empty(); }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_max_;
  /// With what each takes besides its own bytes.
  std::size_t bytes_ = 0;
  std::list<Frame> frames_;  ///< not a deque: an empty one takes half a KiB, of every peer
};

}  // namespace libp2p::gossipsub
