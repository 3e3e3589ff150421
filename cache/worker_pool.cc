#include "cache/worker_pool.h"

#include "base/thread_name.h"

#include <algorithm>

namespace kvp2p {

WorkerPool::WorkerPool(unsigned threads, const char* name) : name_(name) {
  if (threads == 0) threads = std::clamp(std::thread::hardware_concurrency() / 2, 1u, 8u);
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

void WorkerPool::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::post(std::function<void()> job) {
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  jobs_.push_back(std::move(job));
  work_.notify_one();
}

void WorkerPool::run() {
  base::name_this_thread(name_);
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    auto job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace kvp2p
