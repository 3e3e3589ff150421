#include "base/parallel_for.h"

#include <algorithm>
#include <chrono>

namespace base {

namespace {

constexpr unsigned kWorkersMax = 4;
constexpr unsigned kCoresPerWorker = 4;
constexpr std::chrono::microseconds kSpinMax{200};
/// Looks at the memory between two looks at the clock, and before a waiting caller lets other threads run.
constexpr int kLooks = 64;
constexpr int kRoundsBeforeYield = 64;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

ParallelPool& ParallelPool::of_process() {
  static ParallelPool pool(std::min(kWorkersMax, std::thread::hardware_concurrency() / kCoresPerWorker));
  return pool;
}

ParallelPool::~ParallelPool() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    wake_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void ParallelPool::run_job(const Job& job) {
  if (job.count < 2 || workers_ == 0 || busy_.exchange(true, std::memory_order_acquire)) {
    for (std::size_t i = 0; i < job.count; ++i) job.call(job.what, i, 0);
    return;
  }
  while (threads_.size() < workers_) {
    threads_.emplace_back([this, participant = static_cast<unsigned>(threads_.size()) + 1] { work(participant); });
  }
  job_ = job;
  done_.store(0, std::memory_order_relaxed);
  // Either a thread that goes to sleep sees the work, or this sees that it sleeps.
  unclaimed_.store(job.count);
  if (sleepers_.load() > 0) {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  while (do_one(0)) {
  }
  for (int looks = 1; done_.load(std::memory_order_acquire) < job.count; ++looks) {
    if (looks % (kLooks * kRoundsBeforeYield) == 0) std::this_thread::yield();
    relax();
  }
  busy_.store(false, std::memory_order_release);
}

bool ParallelPool::do_one(unsigned participant) {
  std::size_t left = unclaimed_.load(std::memory_order_relaxed);
  do {
    if (left == 0) return false;
  } while (!unclaimed_.compare_exchange_weak(left, left - 1, std::memory_order_acquire, std::memory_order_relaxed));
  // The caller waits for this item: the job stays what it is until then.
  job_.call(job_.what, job_.count - left, participant);
  done_.fetch_add(1, std::memory_order_release);
  return true;
}

void ParallelPool::work(unsigned participant) {
  while (wait_for_work()) {
    while (do_one(participant)) {
    }
  }
}

/// False when the pool ends.
bool ParallelPool::wait_for_work() {
  const auto end = std::chrono::steady_clock::now() + kSpinMax;
  do {
    for (int i = 0; i < kLooks; ++i) {
      if (unclaimed_.load(std::memory_order_relaxed) > 0) return true;
      relax();
    }
    if (stopping_) return false;
  } while (std::chrono::steady_clock::now() < end);
  std::unique_lock lock(mutex_);
  sleepers_.fetch_add(1);
  wake_.wait(lock, [this] { return stopping_ || unclaimed_.load() > 0; });
  sleepers_.fetch_sub(1);
  return !stopping_;
}

}  // namespace base
