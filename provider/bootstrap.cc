#include "provider/bootstrap.h"

#include "base/log.h"

#include <algorithm>
#include <set>

namespace kvp2p {

using multiformats::Multiaddr;
using multiformats::PeerId;

/// An address that somebody has named.
struct Bootstrap::Named {
  Multiaddr address;
  bool is_listed = false;
  bool given_up = false;
};

struct Bootstrap::State {
  State(const base::Executor& e, base::Clock& c, libp2p::Host& h, Chance ch, std::function<void(const PeerId&)> call)
      : executor(e), clock(c), host(h), chance(std::move(ch)), on_named(std::move(call)), changed(e) {}

  bool is_named(const PeerId& peer) const {
    return std::ranges::any_of(named, [&](const auto& each) { return each->address.peer_id() == peer; });
  }
  bool has_room() const { return running < kRedialsMax; }

  base::Executor executor;
  base::Clock& clock;
  libp2p::Host& host;
  Chance chance;
  std::function<void(const PeerId&)> on_named;
  base::Signal changed;
  std::vector<std::shared_ptr<Named>> named;
  std::set<PeerId> known;  ///< being tried
  bool stopping = false;
  std::size_t running = 0;
};

Bootstrap::Bootstrap(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, Chance chance,
                     std::function<void(const PeerId&)> on_named)
    : state_(std::make_shared<State>(executor, clock, host, std::move(chance), std::move(on_named))) {}

void Bootstrap::start(const Addresses& addresses) {
  for (const Multiaddr& address : addresses) {
    if (!state_->has_room())
      return LOG_ERROR("more than {} peers to keep connected: the rest is left out", kRedialsMax);
    auto named = state_->named.emplace_back(std::make_shared<Named>(Named{address}));
    ++state_->running;
    base::spawn(state_->executor, keep_connected(state_, std::move(named)));
  }
}

void Bootstrap::set_listed(const Addresses& addresses) {
  std::erase_if(state_->named, [&](const auto& each) {
    each->given_up = each->is_listed && std::ranges::count(addresses, each->address) == 0;
    return each->given_up;
  });
  Addresses added;
  for (const Multiaddr& address : addresses) {
    const bool is_there =
        std::ranges::any_of(state_->named, [&](const auto& each) { return each->address == address; });
    if (!is_there && std::ranges::count(added, address) == 0) added.push_back(address);
  }
  const std::size_t before = state_->named.size();
  start(added);
  for (std::size_t i = before; i < state_->named.size(); ++i) state_->named[i]->is_listed = true;
  state_->changed.notify_all();
}

void Bootstrap::go_to(const PeerId& peer, std::function<Addresses()> addresses, bool at_once) {
  if (state_->stopping || state_->is_named(peer) || !state_->has_room() || !state_->known.insert(peer).second) return;
  ++state_->running;
  base::spawn(state_->executor, try_known(state_, peer, std::move(addresses), at_once));
}

void Bootstrap::stop() {
  state_->stopping = true;
  state_->changed.notify_all();
}

std::size_t Bootstrap::running() const { return state_->running; }

/// Returns early when stopped, or when `named` is given up.
base::Task<> Bootstrap::wait(std::shared_ptr<State> state, base::Duration time, std::shared_ptr<Named> named) {
  bool due = false;
  State* const waiting = state.get();
  auto timer = state->clock.call_at(state->clock.now() + time, [&due, waiting] {
    due = true;
    waiting->changed.notify_all();
  });
  while (!due && !state->stopping && !(named && named->given_up)) co_await state->changed.wait();
}

base::Task<> Bootstrap::keep_connected(std::shared_ptr<State> state, std::shared_ptr<Named> named) {
  RetryPause pause(kRedialMin, kRedialMax);
  bool told = false;
  while (!state->stopping && !named->given_up) {
    auto connection = co_await state->host.connect(named->address);
    if (state->stopping || named->given_up) break;
    if (connection) {
      pause.reset();
      told = false;
      if (state->on_named) state->on_named((*connection)->remote_peer());
      while (!state->stopping && !named->given_up && !(*connection)->is_closed()) {
        co_await wait(state, kRedialMin, named);
      }
    } else if (!std::exchange(told, true)) {
      LOG_WARN("cannot reach {}: {}; trying again", named->address.to_text(), connection.error().message());
    }
    const base::Duration time = pause.next(state->chance);
    co_await wait(state, time, named);
  }
  --state->running;
}

base::Task<> Bootstrap::try_known(std::shared_ptr<State> state, PeerId peer, std::function<Addresses()> addresses,
                                  bool at_once) {
  RetryPause pause(kRedialMin, kRedialMax);
  bool is_there = false;
  for (int i = 0; i < kKnownPeerTries && !is_there && !state->stopping; ++i) {
    if (i > 0 || !at_once) {
      const base::Duration time = pause.next(state->chance);
      co_await wait(state, time);
    }
    if (state->stopping) break;
    Addresses where = addresses();
    auto connection = co_await state->host.connect(peer, std::move(where));
    is_there = connection.has_value();
    if (!is_there) LOG_DEBUG("cannot come back to {}: {}", peer.short_text(), connection.error().message());
  }
  state->known.erase(peer);
  --state->running;
}

}  // namespace kvp2p
