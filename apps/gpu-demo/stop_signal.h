// SIGINT and SIGTERM, as something that can be waited for; and SIGHUP, which asks for settings to be read again.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace kvp2p::demo {

/// One a process. The signals are handled, not blocked and waited for: libraries start threads before main()
/// (OpenBLAS), in which they would not be blocked.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();

  bool requested() const;
  /// Until a signal has come.
  void wait();
  /// From now on, until the next call, a signal runs `call` on a thread of its own: for what must not wait until the
  /// main thread has finished computing. REQUIRES: an empty function before what `call` uses goes away.
  void on_signal(std::function<void()> call);
  /// From now on SIGHUP runs `call` on that thread; without, it ends the process. The same is required as above.
  void on_reload(std::function<void()> call);

 private:
  void watch();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> call_;
  std::function<void()> reload_;
  bool requested_ = false;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace kvp2p::demo
