#include "provider/rendezvous_points.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/protocols/rendezvous/rendezvous.h"

#include <algorithm>
#include <set>

namespace kvp2p {

using multiformats::PeerId;
using SharedConnection = std::shared_ptr<libp2p::Connection>;

struct RendezvousPoints::State {
  State(const base::Executor& e, base::Clock& c, libp2p::Host& h, const multiformats::PrivateKey& k, std::string n,
        Chance ch, OnFound call)
      : executor(e),
        clock(c),
        host(h),
        key(k),
        name(std::move(n)),
        chance(std::move(ch)),
        found(std::move(call)),
        stop_signal(e) {}

  /// What is signed grows in number from one record to the next.
  base::Bytes record() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(since_1970).count();
    last_seq = std::max(last_seq + 1, static_cast<std::uint64_t>(now));
    const libp2p::PeerRecord record{host.peer_id(), last_seq, host.addresses()};
    return seal_peer_record(key, record, libp2p::PeerRecordForm::kOlder);
  }

  base::Task<> wait(base::Duration time) {
    bool due = false;
    auto timer = clock.call_at(clock.now() + time, [&due, this] {
      due = true;
      stop_signal.notify_all();
    });
    while (!due && !stopping) co_await stop_signal.wait();
  }

  base::Executor executor;
  base::Clock& clock;
  libp2p::Host& host;
  const multiformats::PrivateKey key;
  const std::string name;
  Chance chance;
  OnFound found;
  base::Signal stop_signal;
  std::set<PeerId> used;
  std::uint64_t last_seq = 0;
  bool stopping = false;
  std::size_t running = 0;
};

namespace {

/// One point: what it has been told, and up to where it has been asked.
struct Visit {
  std::vector<multiformats::Multiaddr> registered = {};
  base::TimePoint renew_at = {};
  base::Bytes cookie = {};
};

}  // namespace

RendezvousPoints::RendezvousPoints(const base::Executor& executor, base::Clock& clock, libp2p::Host& host,
                                   const multiformats::PrivateKey& key, std::string name, Chance chance, OnFound found)
    : state_(
          std::make_shared<State>(executor, clock, host, key, std::move(name), std::move(chance), std::move(found))) {}

void RendezvousPoints::use(const PeerId& peer) {
  if (state_->stopping || state_->used.size() >= kRendezvousPointsMax) return;
  const auto connections = state_->host.connections();
  const auto connection =
      std::ranges::find_if(connections, [&](const auto& each) { return each->remote_peer() == peer; });
  if (connection == connections.end() || !state_->used.insert(peer).second) return;
  ++state_->running;
  base::spawn(state_->executor, keep_registered(state_, peer, *connection));
}

void RendezvousPoints::stop() {
  state_->stopping = true;
  state_->stop_signal.notify_all();
}

std::size_t RendezvousPoints::running() const { return state_->running; }

base::Task<> RendezvousPoints::keep_registered(std::shared_ptr<State> state, PeerId peer, SharedConnection connection) {
  namespace rendezvous = libp2p::rendezvous;
  RetryPause pause(kRendezvousAskMin, kRendezvousAskMax);
  Visit visit;
  while (!state->stopping && !connection->is_closed()) {
    const auto addresses = state->host.addresses();
    if (!addresses.empty() && (addresses != visit.registered || state->clock.now() >= visit.renew_at)) {
      base::Bytes record = state->record();
      std::string name = state->name;
      auto taken = co_await rendezvous::register_at(state->clock, connection, std::move(record), std::move(name),
                                                    kRendezvousTtl);
      if (!taken && taken.error() == libp2p::Error::kProtocolNotSupported) break;
      if (taken) visit = {addresses, state->clock.now() + *taken / 2, std::move(visit.cookie)};
    }
    if (state->stopping || connection->is_closed()) break;
    base::Bytes cookie = visit.cookie;
    std::string name = state->name;
    auto found = co_await rendezvous::discover_at(state->clock, connection, std::move(name), kRendezvousPeersMax,
                                                  std::move(cookie));
    if (!found && found.error() == libp2p::Error::kProtocolNotSupported) break;
    visit.cookie = found ? found->cookie : base::Bytes();
    if (found && !state->stopping) {
      for (const auto& each : found->peers) {
        if (each.peer != state->host.peer_id()) state->found(each.peer, each.addresses);
      }
    }
    const base::Duration time = pause.next(state->chance);
    if (!state->stopping) co_await state->wait(time);
  }
  state->used.erase(peer);
  --state->running;
}

}  // namespace kvp2p
