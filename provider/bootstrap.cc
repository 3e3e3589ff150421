#include "provider/bootstrap.h"

#include "base/log.h"

namespace kvp2p {

struct Bootstrap::State {
  State(const base::Executor& e, base::Clock& c, libp2p::Host& h) : executor(e), clock(c), host(h), stop_signal(e) {}
  base::Executor executor;
  base::Clock& clock;
  libp2p::Host& host;
  base::Signal stop_signal;
  bool stopping = false;
  std::size_t running = 0;
};

Bootstrap::Bootstrap(const base::Executor& executor, base::Clock& clock, libp2p::Host& host)
    : state_(std::make_shared<State>(executor, clock, host)) {}

void Bootstrap::start(const std::vector<multiformats::Multiaddr>& addresses) {
  for (const auto& address : addresses) base::spawn(state_->executor, keep_connected(state_, address));
}

void Bootstrap::stop() {
  state_->stopping = true;
  state_->stop_signal.notify_all();
}

std::size_t Bootstrap::running() const { return state_->running; }

/// Returns early when stopped.
base::Task<> Bootstrap::wait(std::shared_ptr<State> state, base::Duration time) {
  bool due = false;
  State* const waiting = state.get();
  auto timer = state->clock.call_at(state->clock.now() + time, [&due, waiting] {
    due = true;
    waiting->stop_signal.notify_all();
  });
  while (!due && !state->stopping) co_await state->stop_signal.wait();
}

base::Task<> Bootstrap::keep_connected(std::shared_ptr<State> state, multiformats::Multiaddr address) {
  ++state->running;
  base::Duration pause = kRedialMin;
  bool told = false;
  while (!state->stopping) {
    auto connection = co_await state->host.connect(address);
    if (state->stopping) break;
    if (connection) {
      pause = kRedialMin;
      told = false;
      while (!state->stopping && !(*connection)->is_closed()) co_await wait(state, kRedialMin);
      continue;
    }
    if (!told) LOG_WARN("cannot reach {}: {}; trying again", address.to_text(), connection.error().message());
    told = true;
    co_await wait(state, pause);
    pause = std::min(2 * pause, kRedialMax);
  }
  --state->running;
}

}  // namespace kvp2p
