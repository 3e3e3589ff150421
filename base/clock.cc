#include "base/clock.h"

#include "base/signal.h"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <map>

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
  using Key = std::pair<TimePoint, std::uint64_t>;
  std::map<Key, std::function<void()>> calls;
  std::uint64_t next_number = 0;
};

class ManualClock::ManualTimer final : public Timer {
 public:
  ManualTimer(std::shared_ptr<Pending> pending, Pending::Key key) : pending_(std::move(pending)), key_(key) {}
  // What the call holds goes last: it may have timers of its own.
  ~ManualTimer() override { const auto call = pending_->calls.extract(key_); }

 private:
  std::shared_ptr<Pending> pending_;
  Pending::Key key_;
};

ManualClock::ManualClock() : pending_(std::make_shared<Pending>()) {}

std::unique_ptr<Timer> ManualClock::call_at(TimePoint when, std::function<void()> call) {
  const Pending::Key key{when, pending_->next_number++};
  pending_->calls.emplace(key, std::move(call));
  return std::make_unique<ManualTimer>(pending_, key);
}

void ManualClock::advance(Duration time) {
  const TimePoint end = now_ + time;
  while (!pending_->calls.empty() && pending_->calls.begin()->first.first <= end) {
    const auto next = pending_->calls.extract(pending_->calls.begin());
    now_ = std::max(now_, next.key().first);
    next.mapped()();
  }
  now_ = end;
}

std::optional<TimePoint> ManualClock::next_call() const {
  if (pending_->calls.empty()) return std::nullopt;
  return pending_->calls.begin()->first.first;
}

std::size_t ManualClock::pending() const { return pending_->calls.size(); }

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
