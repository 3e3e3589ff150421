#include "exchange/lane.h"

#include <boost/asio/post.hpp>

namespace kvp2p {

Lane::Lane(const base::Executor& node, Parts parts)
    : parts_(std::move(parts)), lives_on_node_(parts_.executor == node) {}

std::shared_ptr<Lane> Lane::create(const base::Executor& node, Parts parts) {
  std::shared_ptr<Lane> lane(new Lane(node, std::move(parts)));
  lane->stopper_.emplace(lane->parts_.stop, Stopper{lane});
  return lane;
}

Lane::~Lane() {
  if (lives_on_node_) {
    parts_.stream.reset();  // before what it needs
    return;
  }
  // Whichever thread lets go of it last: the stream ends where it lives, and only then its place in limits.
  boost::asio::post(parts_.executor, [stream = std::move(parts_.stream), keep = std::move(parts_.keep)]() mutable {
    stream.reset();
    keep.reset();
  });
}

void Lane::reset() {
  if (dead_.exchange(true, std::memory_order_acq_rel)) return;
  if (lives_on_node_) return parts_.stream->reset();
  boost::asio::post(parts_.executor, [self = shared_from_this()] { self->parts_.stream->reset(); });
}

}  // namespace kvp2p
