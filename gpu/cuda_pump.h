// The connector's thread: sees copies end, calls their completions, and queues more work as slots become free.
#pragma once

#include "gpu/connector.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace kvp2p {

/// Thread-safe. All completions of one connector come from this one thread.
///
/// It asks the device in a spin while something moved less than kSpin ago, so that a completion is a few µs late at
/// most: longer than a slot of the device ring takes to cross PCIe 4 (1 ms). Then it sleeps from 20 µs up to 100 µs
/// between two looks, so that an engine's event that is far off does not cost a core. With nothing under way it sleeps
/// until it is told of something.
class CudaPump {
 public:
  static constexpr std::chrono::microseconds kSpin{1200};
  /// After a change, even if nothing is under way yet: whoever submits tells first and launches then.
  static constexpr std::chrono::microseconds kLinger{50};
  static constexpr std::chrono::microseconds kSleepMin{20};
  static constexpr std::chrono::microseconds kSleepMax{100};

  struct Progress {
    bool moved = false;
    /// Something may end without anybody telling: look again.
    bool pending = false;
  };
  /// What is looked after. Called on the pump's thread.
  class Source {
   public:
    virtual ~Source() = default;
    virtual Progress poll() = 0;
  };

  CudaPump() : thread_([this] { run(); }) {}
  ~CudaPump() { stop(); }

  void add(std::shared_ptr<Source> source);
  void remove(const Source* source);
  /// Something changed. Cheap unless the thread sleeps.
  void kick();
  /// Whether it sees soon what is there to be seen.
  bool is_awake() const { return !sleeping_; }
  /// Calls `done` with the error on the pump's thread.
  void fail(CopyDone done, base::Error error);
  /// Delivers the failures that are queued, then ends. Sources are looked after no more.
  void stop();

 private:
  void run();
  bool deliver_failures();
  Progress poll_all();
  /// Until a kick or the time; `limit` zero: without limit.
  void sleep(std::uint64_t seen, std::chrono::microseconds limit);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<std::uint64_t> changes_{0};
  std::atomic<bool> sleeping_{false};
  std::atomic<bool> stopping_{false};
  std::vector<std::shared_ptr<Source>> sources_;
  std::deque<std::pair<CopyDone, base::Error>> failures_;
  std::thread thread_;
};

}  // namespace kvp2p
