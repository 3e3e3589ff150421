#include "libp2p/protocols/gossipsub/send_queue.h"

namespace libp2p::gossipsub {

namespace {

/// A list node and a shared buffer's own.
constexpr std::size_t kOverheadBytes = 64;

std::size_t size_of(const SendQueue::Frame& frame) { return frame->size() + kOverheadBytes; }

}  // namespace

SendQueue::Outcome SendQueue::push(SendKind kind, Frame frame) {
  const std::size_t size = size_of(frame);
  std::size_t room = 2 * bytes_max_;
  if (kind == SendKind::kGossip) room = bytes_max_ / 2;
  if (kind == SendKind::kMessage) room = bytes_max_;
  if (bytes_ + size > room) return kind == SendKind::kControl ? Outcome::kOverflow : Outcome::kDropped;
  bytes_ += size;
  frames_.push_back(std::move(frame));
  return Outcome::kQueued;
}

std::vector<SendQueue::Frame> SendQueue::take(std::size_t bytes) {
  std::vector<Frame> taken;
  std::size_t sum = 0;
  while (!frames_.empty() && (taken.empty() || sum + frames_.front()->size() <= bytes)) {
    sum += frames_.front()->size();
    bytes_ -= size_of(frames_.front());
    taken.push_back(std::move(frames_.front()));
    frames_.pop_front();
  }
  return taken;
}

void SendQueue::clear() {
  frames_.clear();
  bytes_ = 0;
}

}  // namespace libp2p::gossipsub
