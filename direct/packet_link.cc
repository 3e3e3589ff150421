#include "direct/packet_link.h"

#include <sys/socket.h>

namespace kvp2p::direct {

void PacketLink::send(const Message& message, std::vector<int> descriptors, std::shared_ptr<const void> keep) {
  if (has_ended() || stopped_sending_) return;
  Waiting packet{encode(message), std::move(descriptors), std::move(keep)};
  const std::size_t more = packet.bytes.size() + kDirectWaitingBytes;
  if (waiting_bytes_ + more > queue_bytes_max_) return end();
  waiting_bytes_ += more;
  waiting_.push_back(std::move(packet));
  flush();
}

void PacketLink::flush() {
  must_retry_ = false;
  while (!waiting_.empty() && !has_ended()) {
    const Waiting& next = waiting_.front();
    switch (send_packet(fd_.get(), next.bytes, next.descriptors)) {
      case SendOutcome::kSent:
        waiting_bytes_ -= next.bytes.size() + kDirectWaitingBytes;
        waiting_.pop_front();
        break;
      case SendOutcome::kWouldBlock:
        return;
      case SendOutcome::kTooManyInFlight:
        must_retry_ = true;
        return;
      case SendOutcome::kBroken:
        return stop_sending();
    }
  }
}

/// What the other end said before it went is still to be read: perhaps why.
void PacketLink::stop_sending() {
  stopped_sending_ = true;
  waiting_.clear();
  waiting_bytes_ = 0;
  ::shutdown(fd_.get(), SHUT_WR);
}

PacketLink::Received PacketLink::receive(Message& message, std::vector<base::UniqueFd>& descriptors) {
  if (has_ended()) return Received::kEnd;
  Packet packet;
  const ReceiveOutcome outcome = receive_packet(fd_.get(), packet);
  if (outcome == ReceiveOutcome::kNothing) return Received::kNothing;
  if (outcome == ReceiveOutcome::kPacket) {
    if (auto decoded = decode(packet.bytes)) {
      message = std::move(*decoded);
      descriptors = std::move(packet.descriptors);
      return Received::kMessage;
    }
  }
  end();
  return Received::kEnd;
}

void PacketLink::end() {
  if (ended_.exchange(true, std::memory_order_acq_rel)) return;
  ::shutdown(fd_.get(), SHUT_RDWR);
}

}  // namespace kvp2p::direct
