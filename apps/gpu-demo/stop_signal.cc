#include "apps/gpu-demo/stop_signal.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace kvp2p::demo {

namespace {

/// Readable after a signal; what a handler may write to.
int signal_fd = -1;

void wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(signal_fd, &one, sizeof one);
}

void handle(int) { wake(); }

void set_handlers(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  for (int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

}  // namespace

StopSignal::StopSignal() {
  signal_fd = ::eventfd(0, EFD_CLOEXEC);
  set_handlers(handle);
  thread_ = std::thread([this] { watch(); });
}

StopSignal::~StopSignal() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake();
  thread_.join();
  set_handlers(SIG_DFL);
  ::close(signal_fd);
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
  for (;;) {
    std::uint64_t count = 0;
    if (::read(signal_fd, &count, sizeof count) != sizeof count) continue;
    std::lock_guard lock(mutex_);
    if (ending_) return;
    requested_ = true;
    changed_.notify_all();
    if (call_) call_();
  }
}

}  // namespace kvp2p::demo
