#include "base/side_threads.h"

#include "base/thread_name.h"

#include <algorithm>
#include <chrono>

namespace base {

namespace {

constexpr unsigned kCoresPerThread = 4;
/// Longer than a system call takes that moves some 100 KiB: the time between two pieces of work.
constexpr std::chrono::microseconds kSpinMax{50};
/// Within this time each busy user comes by.
constexpr std::chrono::milliseconds kSlot{4};
/// Looks at the memory between two looks at the clock, and before a waiting caller lets other threads run.
constexpr int kLooks = 64;
constexpr int kRoundsBeforeYield = 64;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

std::uint32_t slot_now() {
  // Never 0, which a new user has.
  return static_cast<std::uint32_t>(std::chrono::steady_clock::now().time_since_epoch() / kSlot) | 1U << 31;
}

}  // namespace

class SideThreads::Thread {
 public:
  ~Thread() {
    if (!thread_.joinable()) return;
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
      wake_.notify_one();
    }
    thread_.join();
  }

  bool try_lend() { return !lent_.load(std::memory_order_relaxed) && !lent_.exchange(true, std::memory_order_acquire); }
  void give_back() { lent_.store(false, std::memory_order_release); }

  void start(void* what, void (*call)(void*)) {
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    what_ = what;
    call_ = call;
    // Either a thread that goes to sleep sees the work, or this sees that it sleeps.
    state_.store(State::kReady);
    if (!sleeping_.load()) return;
    std::lock_guard lock(mutex_);
    wake_.notify_one();
  }

  void wait() {
    auto ready = State::kReady;
    if (state_.compare_exchange_strong(ready, State::kNothing, std::memory_order_acquire)) return call_(what_);
    for (int looks = 1; state_.load(std::memory_order_acquire) != State::kNothing; ++looks) {
      if (looks % (kLooks * kRoundsBeforeYield) == 0) std::this_thread::yield();
      relax();
    }
  }

 private:
  enum class State { kNothing, kReady, kRunning };

  void run() {
    name_this_thread("side");
    while (wait_for_work()) {
      auto ready = State::kReady;
      if (!state_.compare_exchange_strong(ready, State::kRunning, std::memory_order_acquire)) continue;
      call_(what_);
      state_.store(State::kNothing, std::memory_order_release);
    }
  }

  /// False when there is to be an end.
  bool wait_for_work() {
    const auto end = std::chrono::steady_clock::now() + kSpinMax;
    do {
      for (int i = 0; i < kLooks; ++i) {
        if (state_.load(std::memory_order_relaxed) == State::kReady) return true;
        relax();
      }
      if (stopping_) return false;
    } while (std::chrono::steady_clock::now() < end);
    std::unique_lock lock(mutex_);
    sleeping_.store(true);
    wake_.wait(lock, [this] { return stopping_ || state_.load() == State::kReady; });
    sleeping_.store(false);
    return !stopping_;
  }

  std::atomic<bool> lent_{false};
  /// Written by who has the loan before it sets kReady, read after that has been taken.
  void* what_ = nullptr;
  void (*call_)(void*) = nullptr;
  std::atomic<State> state_{State::kNothing};

  std::mutex mutex_;
  std::condition_variable wake_;
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};
  std::thread thread_;  ///< started by the first who has the loan
};

SideThreads::SideThreads(unsigned count) {
  for (unsigned i = 0; i < count; ++i) threads_.push_back(std::make_unique<Thread>());
}

SideThreads::~SideThreads() = default;

SideThreads& SideThreads::of_process() {
  static SideThreads threads(std::thread::hardware_concurrency() / kCoresPerThread);
  return threads;
}

std::uint32_t SideThreads::count_busy(User& user) {
  const std::uint32_t slot_of_call = slot_now();
  std::uint64_t seen = busy_.load(std::memory_order_relaxed);
  for (;;) {
    const auto seen_slot = static_cast<std::uint32_t>(seen >> 32);
    const std::uint32_t slot = std::max(slot_of_call, seen_slot);  // another may have looked at the clock later
    auto now = static_cast<std::uint16_t>(seen >> 16);
    auto before = static_cast<std::uint16_t>(seen);
    if (seen_slot != slot) {
      // Of a slot that is long over nobody may be left.
      before = seen_slot + 1 == slot ? now : std::uint16_t{0};
      now = 0;
    }
    if (user.slot_ != slot && now < UINT16_MAX) ++now;
    const std::uint64_t next = std::uint64_t{slot} << 32 | std::uint64_t{now} << 16 | before;
    if (next == seen || busy_.compare_exchange_weak(seen, next, std::memory_order_relaxed)) {
      user.slot_ = slot;
      return std::max(now, before);
    }
  }
}

bool SideThreads::is_crowded() const {
  const std::uint64_t seen = busy_.load(std::memory_order_relaxed);
  return std::max(static_cast<std::uint16_t>(seen >> 16), static_cast<std::uint16_t>(seen)) > threads_.size() ||
         threads_.empty();
}

SideThreads::Loan SideThreads::borrow(User& user) {
  if (threads_.empty() || count_busy(user) > threads_.size()) return Loan();
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    const std::size_t at = (user.last_ + i) % threads_.size();
    if (!threads_[at]->try_lend()) continue;
    user.last_ = at;
    return Loan(threads_[at].get());
  }
  return Loan();
}

SideThreads::Loan& SideThreads::Loan::operator=(Loan&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  thread_ = std::exchange(other.thread_, nullptr);
  return *this;
}

void SideThreads::Loan::start(void* what, void (*call)(void*)) { thread_->start(what, call); }

void SideThreads::Loan::wait() {
  if (thread_ != nullptr) thread_->wait();
}

void SideThreads::Loan::give_back() {
  if (thread_ == nullptr) return;
  thread_->wait();
  thread_->give_back();
  thread_ = nullptr;
}

}  // namespace base
