// Work that one thread shares out to others for some tens of microseconds: fork and join.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace base {

/// Threads that help whoever calls run(). After work they look for more for up to 200 µs before they sleep, so that a
/// series of calls pays for waking them once. Thread-safe: one caller at a time is helped, others do their work alone.
class ParallelPool {
 public:
  /// No thread is started before the first run().
  explicit ParallelPool(unsigned workers) : workers_(workers) {}
  ~ParallelPool();
  ParallelPool(const ParallelPool&) = delete;
  ParallelPool& operator=(const ParallelPool&) = delete;

  /// The process's own: a quarter of the cores, at most four; none with fewer than four cores, which have enough to do.
  static ParallelPool& of_process();

  /// Threads that may work at the same time, the caller's among them.
  unsigned participants() const { return workers_ + 1; }

  /// Calls call(item, participant) for each item below `count`, in any order, and returns when all have returned. No
  /// two calls at the same time have the same participant, which is less than participants(). `call` does not throw.
  template <class Call>
  void run(std::size_t count, Call&& call) {
    using Plain = std::remove_reference_t<Call>;
    run_job(Job{
        count, const_cast<void*>(static_cast<const void*>(&call)),
        [](void* what, std::size_t item, unsigned participant) { (*static_cast<Plain*>(what))(item, participant); }});
  }

 private:
  struct Job {
    std::size_t count = 0;
    void* what = nullptr;
    void (*call)(void* what, std::size_t item, unsigned participant) = nullptr;
  };

  void run_job(const Job& job);
  void work(unsigned participant);
  bool do_one(unsigned participant);
  bool wait_for_work();

  const unsigned workers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> busy_{false};  ///< a caller is being helped
  /// Valid while an item of it is not done: written by the caller before it sets unclaimed_, read after taking an item.
  Job job_;
  std::atomic<std::size_t> unclaimed_{0};
  std::atomic<std::size_t> done_{0};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<unsigned> sleepers_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace base
