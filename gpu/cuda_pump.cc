#include "gpu/cuda_pump.h"

#include "base/thread_name.h"

#include <algorithm>
#include <chrono>

namespace kvp2p {

namespace {

/// About a microsecond, so that whoever submits gets the region's lock.
void pause() {
  for (int i = 0; i < 16; ++i) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::atomic_signal_fence(std::memory_order_seq_cst);
#endif
  }
}

}  // namespace

void CudaPump::add(std::shared_ptr<Source> source) {
  std::lock_guard lock(mutex_);
  sources_.push_back(std::move(source));
}

void CudaPump::remove(const Source* source) {
  std::lock_guard lock(mutex_);
  std::erase_if(sources_, [&](const auto& known) { return known.get() == source; });
}

void CudaPump::kick() {
  // Either this sees the thread asleep, or the thread sees the change before it sleeps.
  changes_.fetch_add(1);
  if (!sleeping_.load()) return;
  std::lock_guard lock(mutex_);
  changed_.notify_one();
}

void CudaPump::fail(CopyDone done, base::Error error) {
  {
    std::lock_guard lock(mutex_);
    failures_.emplace_back(std::move(done), error);
  }
  kick();
}

void CudaPump::stop() {
  stopping_ = true;
  kick();
  if (thread_.joinable()) thread_.join();
  deliver_failures();
}

bool CudaPump::deliver_failures() {
  std::deque<std::pair<CopyDone, base::Error>> failures;
  {
    std::lock_guard lock(mutex_);
    failures.swap(failures_);
  }
  for (auto& [done, error] : failures) done(error);
  return !failures.empty();
}

CudaPump::Progress CudaPump::poll_all() {
  std::vector<std::shared_ptr<Source>> sources;
  {
    std::lock_guard lock(mutex_);
    sources = sources_;
  }
  Progress all;
  for (const auto& source : sources) {
    const Progress one = source->poll();
    all.moved = all.moved || one.moved;
    all.pending = all.pending || one.pending;
  }
  return all;
}

void CudaPump::sleep(std::uint64_t seen, std::chrono::microseconds limit) {
  std::unique_lock lock(mutex_);
  sleeping_ = true;
  const auto told = [&] { return changes_ != seen || stopping_; };
  if (limit.count() == 0) {
    changed_.wait(lock, told);
  } else {
    changed_.wait_for(lock, limit, told);
  }
  sleeping_ = false;
}

void CudaPump::run() {
  base::name_this_thread("gpu pump");
  using Clock = std::chrono::steady_clock;
  auto moved_at = Clock::now();
  auto sleep_for = kSleepMin;
  std::uint64_t seen_before = 0;
  while (!stopping_) {
    const std::uint64_t seen = changes_;
    const bool told = seen != seen_before;
    seen_before = seen;
    const bool failed = deliver_failures();
    const Progress progress = poll_all();
    if (told || failed || progress.moved) {
      moved_at = Clock::now();
      sleep_for = kSleepMin;
      continue;
    }
    if (Clock::now() - moved_at < (progress.pending ? kSpin : kLinger)) {
      pause();
    } else if (progress.pending) {
      sleep(seen, sleep_for);
      sleep_for = std::min(2 * sleep_for, std::chrono::microseconds(kSleepMax));
    } else {
      sleep(seen, std::chrono::microseconds(0));
    }
  }
}

}  // namespace kvp2p
