// One queue for everything that completes, with a file descriptor to poll.
#pragma once

#include "cache/core_types.h"

#include <deque>
#include <mutex>
#include <vector>

namespace kvp2p {

/// Beyond this many entries that nobody has drained the oldest are dropped.
inline constexpr std::size_t kCompletionsMax = 64 << 10;

/// Thread-safe.
class CompletionQueue {
 public:
  CompletionQueue();
  ~CompletionQueue();
  CompletionQueue(const CompletionQueue&) = delete;
  CompletionQueue& operator=(const CompletionQueue&) = delete;

  void push(const Completion& completion);
  /// Oldest first. Afterwards event_fd() is not readable until the next push().
  std::vector<Completion> drain();
  /// An eventfd; the queue's own.
  int event_fd() const { return event_fd_; }

 private:
  std::mutex mutex_;
  std::deque<Completion> entries_;
  int event_fd_;
};

}  // namespace kvp2p
