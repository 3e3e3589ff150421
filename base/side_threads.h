// Threads that do one thing at a time beside the thread that borrows them, for some tens of microseconds.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace base {

/// Lent while there are fewer users than threads: with more of them the cores have enough to do, and each user does its
/// work itself. After work a thread looks for more for up to 50 µs before it sleeps. Thread-safe.
class SideThreads {
  class Thread;

 public:
  /// No thread is started before the first loan.
  explicit SideThreads(unsigned count);
  ~SideThreads();
  SideThreads(const SideThreads&) = delete;
  SideThreads& operator=(const SideThreads&) = delete;

  /// The process's own: a quarter of the cores, none with fewer than four. So each user has a core for itself and one
  /// for its side thread, and whoever is at the other end, if on the same machine, has as much.
  static SideThreads& of_process();

  /// Who borrows, again and again: the direction of one connection. Not thread-safe.
  class User {
    friend class SideThreads;
    std::uint32_t slot_ = 0;  ///< when it was counted last
    std::size_t last_ = 0;    ///< the thread that it had: it is awake, probably
  };

  /// A thread that is lent, or none. Ends with what it does having been done. Not thread-safe; moved, not copied.
  class Loan {
   public:
    Loan() = default;
    Loan(Loan&& other) noexcept : thread_(std::exchange(other.thread_, nullptr)) {}
    Loan& operator=(Loan&& other) noexcept;
    ~Loan() { give_back(); }
    explicit operator bool() const { return thread_ != nullptr; }

    /// Calls `call` on the thread, once. It does not throw, and lives until wait(). REQUIRES: a thread, doing nothing.
    template <class Call>
    void start(Call& call) {
      start(&call, [](void* what) { (*static_cast<Call*>(what))(); });
    }
    /// Returns when the call has been made: it makes it itself if the thread has not begun. Nothing if there is none.
    void wait();

   private:
    friend class SideThreads;
    explicit Loan(Thread* thread) : thread_(thread) {}
    void start(void* what, void (*call)(void*));
    void give_back();
    Thread* thread_ = nullptr;
  };

  /// Counts `user` as busy for the next milliseconds. No thread if more users are busy than there are threads.
  Loan borrow(User& user);

  /// As many users are busy as there are threads, or more: whoever has work for another thread does it itself, too.
  bool is_crowded() const;
  std::size_t count() const { return threads_.size(); }

 private:
  /// How many users there are in this slot of time, or were in the one before.
  std::uint32_t count_busy(User& user);

  std::vector<std::unique_ptr<Thread>> threads_;
  std::atomic<std::uint64_t> busy_{0};  ///< slot (32 bits), users in it, and in the one before (16 bits each)
};

}  // namespace base
