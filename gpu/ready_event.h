// "After this has happened": an engine's own work that a copy must wait for.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace kvp2p {

/// An event of host code: signalled once, waited for by any thread. Thread-safe.
class HostEvent {
 public:
  void signal() {
    std::vector<std::function<void()>> calls;
    {
      std::lock_guard lock(mutex_);
      signalled_ = true;
      calls.swap(calls_);
      changed_.notify_all();
    }
    for (auto& call : calls) call();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return signalled_; });
  }
  /// Calls `call` once: now, if it is signalled already, else on the thread that signals. It must not block.
  void when_signalled(std::function<void()> call) {
    {
      std::lock_guard lock(mutex_);
      if (!signalled_) {
        calls_.push_back(std::move(call));
        return;
      }
    }
    call();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool signalled_ = false;
  std::vector<std::function<void()>> calls_;
};

/// Nothing to wait for, a host event, or a device's event (cudaEvent_t, recorded on the engine's stream; kept alive by
/// the engine until the copy is done).
struct ReadyEvent {
  std::shared_ptr<HostEvent> host;
  void* device = nullptr;
};

}  // namespace kvp2p
