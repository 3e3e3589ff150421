#include "apps/gpu-demo/stop_signal.h"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace kvp2p::demo {

namespace {

/// Readable after a signal; what a handler may write to.
int signal_fd = -1;
std::atomic<bool> stop_asked{false};
std::atomic<bool> reload_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(signal_fd, &one, sizeof one);
}

void handle(int) {
  stop_asked = true;
  wake();
}

void handle_hang_up(int) {
  reload_asked = true;
  wake();
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

void set_handlers(void (*handler)(int)) {
  for (int signal : {SIGINT, SIGTERM}) set_handler(signal, handler);
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
  set_handler(SIGHUP, SIG_DFL);
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

void StopSignal::on_reload(std::function<void()> call) {
  std::lock_guard lock(mutex_);
  reload_ = std::move(call);
  set_handler(SIGHUP, reload_ ? handle_hang_up : SIG_DFL);
}

void StopSignal::watch() {
  for (;;) {
    std::uint64_t count = 0;
    if (::read(signal_fd, &count, sizeof count) != sizeof count) continue;
    std::lock_guard lock(mutex_);
    if (ending_) return;
    if (reload_asked.exchange(false) && reload_) reload_();
    if (!stop_asked) continue;
    requested_ = true;
    changed_.notify_all();
    if (call_) call_();
  }
}

}  // namespace kvp2p::demo
