// Threads for work that must not hold up the node thread: digests, compression.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace kvp2p {

/// Thread-safe. What is queued is bounded by those who queue: a frame needs a staging slot, a put a reservation.
class WorkerPool {
 public:
  /// 0: half of the cores, 1 to 8. `name`: the threads', at most 15 letters.
  explicit WorkerPool(unsigned threads = 0, const char* name = "worker");
  ~WorkerPool() { stop(); }

  /// Runs `job` on one of the threads, soon. Jobs do not wait for each other. Nothing after stop().
  void post(std::function<void()> job);
  /// Runs what is queued, then ends the threads. Idempotent. Not from a job.
  void stop();

 private:
  void run();

  const char* const name_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  bool stopping_ = false;
};

}  // namespace kvp2p
