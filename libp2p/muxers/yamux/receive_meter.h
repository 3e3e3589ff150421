// Counts what streams have received and nobody has read yet.
#pragma once

#include <cstddef>
#include <memory>

namespace libp2p::yamux {

/// What all sessions of one muxer hold together.
struct ReceivedTotal {
  std::size_t bytes = 0;
  std::size_t sessions = 0;
};

/// One session's part. Not thread-safe: sessions of one muxer live on one executor.
class ReceiveMeter {
 public:
  explicit ReceiveMeter(std::shared_ptr<ReceivedTotal> total) : total_(std::move(total)) { ++total_->sessions; }
  ~ReceiveMeter() {
    total_->bytes -= bytes_;
    --total_->sessions;
  }
  ReceiveMeter(const ReceiveMeter&) = delete;
  ReceiveMeter& operator=(const ReceiveMeter&) = delete;

  void add(std::size_t bytes) {
    bytes_ += bytes;
    total_->bytes += bytes;
  }
  void remove(std::size_t bytes) {
    bytes_ -= bytes;
    total_->bytes -= bytes;
  }

  std::size_t bytes() const { return bytes_; }
  /// Whether the session holds more than `bytes_max`, or more than its share of `total_bytes_max` while all sessions
  /// together hold more than that.
  bool is_over(std::size_t bytes_max, std::size_t total_bytes_max) const {
    return bytes_ > bytes_max || (total_->bytes > total_bytes_max && bytes_ > total_bytes_max / total_->sessions);
  }

 private:
  std::shared_ptr<ReceivedTotal> total_;
  std::size_t bytes_ = 0;
};

}  // namespace libp2p::yamux
