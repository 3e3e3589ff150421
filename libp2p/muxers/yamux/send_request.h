// One write that waits to be sent: a position in the writer's buffers.
#pragma once

#include "base/bytes.h"

#include <algorithm>

namespace libp2p::yamux {

/// Lives in the frame of the coroutine that writes; its stream points to it meanwhile.
class SendRequest {
 public:
  explicit SendRequest(std::span<const base::ConstBytes> buffers) : rest_(buffers) {
    for (base::ConstBytes buffer : buffers) unsent_bytes_ += buffer.size();
    skip_empty();
  }

  /// Bytes that no batch has taken yet.
  std::size_t unsent_bytes() const { return unsent_bytes_; }
  /// The next piece. REQUIRES: unsent_bytes() > 0.
  base::ConstBytes front() const { return rest_.front().subspan(offset_); }
  /// Moves past `count` bytes of front().
  void advance(std::size_t count) {
    offset_ += count;
    unsent_bytes_ -= count;
    skip_empty();
  }

  /// A batch has taken bytes; `refers`: it points at them instead of having copied them.
  void begin_flight(std::size_t bytes, bool refers) {
    in_flight_bytes_ += bytes;
    referred_ = referred_ || refers;
  }
  /// The batch is done with all that it took; `written`: it was passed to the secured stream.
  void end_flight(bool written) {
    if (in_flight_bytes_ > 0 && !written) lost_ = true;
    in_flight_bytes_ = 0;
    referred_ = false;
  }

  /// The batch has copied what it referred to.
  void detach() { referred_ = false; }

  bool is_done() const { return unsent_bytes_ == 0 && in_flight_bytes_ == 0; }
  /// A batch with bytes of it was not written: the session ends.
  bool is_lost() const { return lost_; }
  /// While this holds, the writer's buffers must stay: the secured stream may be reading them.
  bool is_referred() const { return referred_; }

 private:
  void skip_empty() {
    while (!rest_.empty() && offset_ >= rest_.front().size()) {
      rest_ = rest_.subspan(1);
      offset_ = 0;
    }
  }

  std::span<const base::ConstBytes> rest_;
  std::size_t offset_ = 0;
  std::size_t unsent_bytes_ = 0;
  std::size_t in_flight_bytes_ = 0;
  bool referred_ = false;
  bool lost_ = false;
};

}  // namespace libp2p::yamux
