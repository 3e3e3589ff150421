#include "apps/gpu-demo/stop_signal.h"

#include <signal.h>

namespace kvp2p::demo {

namespace {

// Wakes the watching thread to end.
constexpr int kWakeSignal = SIGUSR2;

sigset_t watched_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGINT, SIGTERM, kWakeSignal}) sigaddset(&signals, signal);
  return signals;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t signals = watched_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([this] { watch(); });
}

StopSignal::~StopSignal() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  pthread_kill(thread_.native_handle(), kWakeSignal);
  thread_.join();
}

bool StopSignal::requested() const {
  std::lock_guard lock(mutex_);
  return requested_;
}

void StopSignal::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return requested_; });
}

void StopSignal::on_signal(std::function<void()> call) {
  std::lock_guard lock(mutex_);
  call_ = std::move(call);
  if (call_ && requested_) call_();
}

void StopSignal::watch() {
  const sigset_t signals = watched_signals();
  for (;;) {
    int signal = 0;
    sigwait(&signals, &signal);
    std::lock_guard lock(mutex_);
    if (ending_) return;
    if (signal == kWakeSignal) continue;
    requested_ = true;
    changed_.notify_all();
    if (call_) call_();
  }
}

}  // namespace kvp2p::demo
