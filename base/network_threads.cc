#include "base/network_threads.h"

#include "base/event_loop.h"
#include "base/spare_cores.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <pthread.h>

#include <cassert>
#include <string>
#include <thread>
#include <utility>

namespace base {

namespace {

/// About what waking a thread takes. What it waits for on a fast path comes sooner.
Duration spin_time_of_network() { return has_spare_cores() ? Duration(std::chrono::microseconds(50)) : Duration(0); }

}  // namespace

struct NetworkThreads::Loop {
  std::unique_ptr<boost::asio::io_context> context = std::make_unique<boost::asio::io_context>(1);
  Executor executor{context->get_executor()};
  std::size_t uses = 0;
  std::thread thread;
};

NetworkThreads::NetworkThreads(unsigned count, const char* name) {
  assert(count > 0);
  for (unsigned i = 0; i < count; ++i) {
    auto& loop = *loops_.emplace_back(std::make_unique<Loop>());
    // Asio opens a loop's descriptors (epoll and two more) for its first timer or socket: here, and not in the middle
    // of a transfer, where there may be none left.
    const boost::asio::steady_timer opens_descriptors(*loop.context);
    loop.thread = std::thread([&context = *loop.context] {
      const auto work = boost::asio::make_work_guard(context);
      run_event_loop(context, spin_time_of_network());
    });
    pthread_setname_np(loop.thread.native_handle(), (std::string(name) + '-' + std::to_string(i)).c_str());
  }
  last_ = count - 1;
}

NetworkThreads::~NetworkThreads() {
  stop();
  // What is dropped may hold uses of any thread.
  for (auto& loop : loops_) loop->context.reset();
}

void NetworkThreads::stop() {
  for (auto& loop : loops_) loop->context->stop();
  for (auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

NetworkThreads::Use NetworkThreads::next() {
  std::lock_guard lock(mutex_);
  std::size_t best = (last_ + 1) % loops_.size();
  for (std::size_t i = 2; i <= loops_.size(); ++i) {
    const std::size_t candidate = (last_ + i) % loops_.size();
    if (loops_[candidate]->uses < loops_[best]->uses) best = candidate;
  }
  last_ = best;
  ++loops_[best]->uses;
  return Use(*this, *loops_[best]);
}

NetworkThreads::Use::Use(Use&& other) noexcept : threads_(other.threads_), loop_(std::exchange(other.loop_, nullptr)) {}

NetworkThreads::Use& NetworkThreads::Use::operator=(Use&& other) noexcept {
  std::swap(threads_, other.threads_);
  std::swap(loop_, other.loop_);
  return *this;
}

NetworkThreads::Use::~Use() {
  if (loop_ == nullptr) return;
  std::lock_guard lock(threads_->mutex_);
  --loop_->uses;
}

const Executor& NetworkThreads::Use::executor() const {
  assert(loop_ != nullptr);
  return loop_->executor;
}

}  // namespace base
