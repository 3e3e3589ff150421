#include "libp2p/host/dial_race.h"

#include "libp2p/core/error.h"
#include "libp2p/host/dial_order.h"

namespace libp2p {

DialRace::DialRace(const base::Executor& executor, base::Clock& clock, TaskGroup tasks, Attempt attempt,
                   base::Duration delay)
    : clock_(clock),
      tasks_(std::move(tasks)),
      attempt_(std::move(attempt)),
      delay_(delay),
      changed_(executor),
      failure_(Error::kNotConnected) {}

void DialRace::add(const std::vector<multiformats::Multiaddr>& addresses) {
  waiting_.insert(waiting_.end(), addresses.begin(), addresses.end());
  waiting_ = dial_order(waiting_);
  changed_.notify_all();
}

void DialRace::add_later(base::Task<base::Result<std::vector<multiformats::Multiaddr>>> look_up) {
  ++looking_up_;
  tasks_.spawn(run_look_up(shared_from_this(), std::move(look_up)));
}

base::Task<> DialRace::run_look_up(Self self, base::Task<base::Result<std::vector<multiformats::Multiaddr>>> look_up) {
  auto found = co_await std::move(look_up);
  --self->looking_up_;
  if (!found) self->on_failure(found.error());
  self->add(found ? *found : std::vector<multiformats::Multiaddr>());
}

base::Task<DialRace::Result> DialRace::run(base::TimePoint deadline, std::stop_token stop) {
  const Self self = shared_from_this();
  const std::stop_callback on_stop(stop, [this] { stop_.request_stop(); });
  while (!winner_ && (running_ > 0 || looking_up_ > 0 || may_start(deadline))) {
    if (may_start(deadline) && (running_ == 0 || clock_.now() >= next_start_)) {
      start_next();
    } else {
      co_await changed_.wait();
    }
  }
  next_timer_.reset();
  if (winner_) co_return std::move(*winner_);
  if (stop.stop_requested()) co_return Error::kClosing;
  co_return failure_;
}

bool DialRace::may_start(base::TimePoint deadline) const {
  return !waiting_.empty() && started_ < kDialAddressesMax && !stop_.stop_requested() && clock_.now() < deadline;
}

void DialRace::start_next() {
  multiformats::Multiaddr address = std::move(waiting_.front());
  waiting_.erase(waiting_.begin());
  ++started_;
  ++running_;
  next_start_ = clock_.now() + delay_;
  next_timer_ = clock_.call_at(next_start_, [this] { changed_.notify_all(); });
  tasks_.spawn(run_attempt(shared_from_this(), std::move(address)));
}

base::Task<> DialRace::run_attempt(Self self, multiformats::Multiaddr address) {
  base::Task<Result> attempt = self->attempt_(std::move(address), self->stop_.get_token());
  auto connection = co_await std::move(attempt);
  self->on_ended(std::move(connection));
}

void DialRace::on_ended(Result connection) {
  --running_;
  next_start_ = clock_.now();
  if (!connection) {
    on_failure(connection.error());
  } else if (stop_.stop_requested()) {
    connection->abort();
  } else {
    winner_ = std::move(*connection);
    stop_.request_stop();
  }
  changed_.notify_all();
}

void DialRace::on_failure(const base::Error& error) {
  if (failure_ != Error::kPeerIdMismatch) failure_ = error;
}

}  // namespace libp2p
