// One end of a connected Unix socket: takes messages, and keeps those that the other end is slow to take.
#pragma once

#include "direct/limits.h"
#include "direct/messages.h"
#include "direct/unix_socket.h"

#include <atomic>
#include <deque>
#include <memory>

namespace kvp2p::direct {

/// Used by one thread, but for end(), has_ended() and is_alive().
class PacketLink {
 public:
  explicit PacketLink(base::UniqueFd fd, std::size_t queue_bytes_max = kDirectQueueBytesMax)
      : fd_(std::move(fd)), queue_bytes_max_(queue_bytes_max) {}

  int fd() const { return fd_.get(); }
  /// `keep` keeps the descriptors open until they have been sent. Ends the link if more waits than may.
  void send(const Message& message, std::vector<int> descriptors = {}, std::shared_ptr<const void> keep = {});
  /// Sends what waits, as far as the other end takes it.
  void flush();
  bool has_waiting() const { return !waiting_.empty(); }
  /// The system takes no more descriptors in flight for now, and nothing tells when it does again.
  bool must_retry() const { return must_retry_; }

  enum class Received { kMessage, kNothing, kEnd };
  /// kEnd: the other end is gone, or what it sent is no message; the link has ended.
  Received receive(Message& message, std::vector<base::UniqueFd>& descriptors);

  /// Nothing more is sent or taken. The descriptor stays ours until destruction.
  void end();
  bool has_ended() const { return ended_.load(std::memory_order_acquire); }
  /// The other end is there now: asks the system.
  bool is_alive() const { return !has_ended() && !is_hung_up(fd_.get()); }

 private:
  void stop_sending();

  struct Waiting {
    base::Bytes bytes;
    std::vector<int> descriptors;
    std::shared_ptr<const void> keep;
  };

  base::UniqueFd fd_;
  const std::size_t queue_bytes_max_;
  std::atomic<bool> ended_{false};
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool must_retry_ = false;
  bool stopped_sending_ = false;
};

}  // namespace kvp2p::direct
