// Turns at writing to one stream, first come, first served: requests that share a stream interleave frame by frame.
#pragma once

#include "base/signal.h"

#include <cstdint>

namespace kvp2p {

/// Not thread-safe. Whoever waits keeps it alive.
class StreamTurn {
 public:
  explicit StreamTurn(const base::Executor& executor) : changed_(executor) {}

  base::Task<> take() {
    const std::uint64_t mine = next_++;
    while (serving_ != mine) co_await changed_.wait();
  }
  void give_back() {
    ++serving_;
    changed_.notify_all();
  }

 private:
  base::Signal changed_;
  std::uint64_t next_ = 0;
  std::uint64_t serving_ = 0;
};

}  // namespace kvp2p
