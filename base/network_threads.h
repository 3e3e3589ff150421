// Threads that carry bytes beside a node's own thread.
#pragma once

#include "base/task.h"

#include <memory>
#include <mutex>
#include <vector>

namespace base {

/// Event loops, each run by a thread of its own, for streams that have been moved there. A thread that has nothing to
/// do looks for more for the time that waking it would take, where cores are many; where they are few it sleeps at
/// once: while bytes come it pays for a wake-up with a larger batch (decision 18). Thread-safe.
///
/// Whatever runs on the threads is to have ended before stop(): what has not is dropped, without being run, when this
/// is destroyed. It outlives the uses and executors that it has given out.
class NetworkThreads {
 public:
  /// REQUIRES: count > 0. The threads are named `name`-0, `name`-1, … for debuggers (15 characters at most in all).
  explicit NetworkThreads(unsigned count, const char* name = "net");
  ~NetworkThreads();
  NetworkThreads(const NetworkThreads&) = delete;
  NetworkThreads& operator=(const NetworkThreads&) = delete;

  unsigned count() const { return static_cast<unsigned>(loops_.size()); }

 private:
  struct Loop;

 public:
  /// One user's share of a thread. Counts until it is destroyed, on any thread; moved, not copied.
  class Use {
   public:
    Use(Use&& other) noexcept;
    Use& operator=(Use&& other) noexcept;
    ~Use();
    /// Runs on the thread; used freely, but not after the NetworkThreads is gone.
    const Executor& executor() const;

   private:
    friend class NetworkThreads;
    Use(NetworkThreads& threads, Loop& loop) : threads_(&threads), loop_(&loop) {}
    NetworkThreads* threads_;
    Loop* loop_;  // null once moved from
  };

  /// The thread with the fewest uses; of several, the one that comes after the last given, so that short uses one after
  /// the other spread too.
  Use next();

  /// Ends the loops, each after what it runs just now, and joins the threads. Idempotent. Not called on one of them.
  void stop();

 private:
  std::mutex mutex_;  // uses and last_
  std::vector<std::unique_ptr<Loop>> loops_;
  std::size_t last_ = 0;
};

}  // namespace base
