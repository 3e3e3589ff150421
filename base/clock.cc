#include "base/clock.h"

#include "base/signal.h"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>

namespace base {

namespace {

class SystemTimer final : public Timer {
 public:
  SystemTimer(const Executor& executor, TimePoint when, std::function<void()> call) : timer_(executor, when) {
    // A call whose time has come may be queued already when the timer is destroyed: `alive` tells.
    timer_.async_wait(
        [call = std::move(call), alive = std::weak_ptr<bool>(alive_)](const boost::system::error_code& e) {
          if (!e && !alive.expired()) call();
        });
  }

 private:
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  boost::asio::steady_timer timer_;
};

}  // namespace

std::unique_ptr<Timer> SystemClock::call_at(TimePoint when, std::function<void()> call) {
  return std::make_unique<SystemTimer>(executor_, when, std::move(call));
}

struct ManualClock::Pending {
  TimePoint when;
  std::function<void()> call;  // empty once made or cancelled
};

class ManualClock::ManualTimer final : public Timer {
 public:
  explicit ManualTimer(std::shared_ptr<Pending> pending) : pending_(std::move(pending)) {}
  ~ManualTimer() override { pending_->call = nullptr; }

 private:
  std::shared_ptr<Pending> pending_;
};

std::unique_ptr<Timer> ManualClock::call_at(TimePoint when, std::function<void()> call) {
  auto pending = std::make_shared<Pending>(Pending{when, std::move(call)});
  pending_.push_back(pending);
  return std::make_unique<ManualTimer>(pending);
}

void ManualClock::advance(Duration time) {
  const TimePoint end = now_ + time;
  for (;;) {
    std::erase_if(pending_, [](const auto& p) { return !p->call; });
    auto next = std::min_element(pending_.begin(), pending_.end(),
                                 [](const auto& a, const auto& b) { return a->when < b->when; });
    if (next == pending_.end() || (*next)->when > end) break;
    now_ = std::max(now_, (*next)->when);
    auto call = std::exchange((*next)->call, nullptr);
    call();
  }
  now_ = end;
}

Task<> sleep_until(Clock& clock, TimePoint when) {
  auto executor = co_await boost::asio::this_coro::executor;
  Signal signal(executor);
  bool due = false;
  auto timer = clock.call_at(when, [&] {
    due = true;
    signal.notify_all();
  });
  while (!due) co_await signal.wait();
}

}  // namespace base
