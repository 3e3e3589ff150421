#include "libp2p/host/data_connections.h"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <cassert>

namespace libp2p {

class DataConnections::Permit {
 public:
  Permit(base::Executor executor, std::shared_ptr<State> state, std::uint64_t number)
      : executor_(std::move(executor)), state_(std::move(state)), number_(number) {}
  /// The state is the executor's: what is dropped on another thread is taken back there, also if the host is gone.
  ~Permit() {
    boost::asio::post(executor_, [state = std::move(state_), number = number_] { state->entries.erase(number); });
  }
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;

 private:
  base::Executor executor_;
  std::shared_ptr<State> state_;
  std::uint64_t number_;
};

DataConnection DataConnections::add(UpgradedConnection upgraded, std::optional<InboundAdmission::Permit> admission) {
  assert(upgraded.kind() == ConnectionKind::kData);
  const std::uint64_t number = ++state_->last;
  std::stop_source stop;
  DataConnection connection{upgraded.remote_peer, upgraded.remote_address, std::move(upgraded.data_stream),
                            stop.get_token(), std::make_shared<Permit>(executor_, state_, number)};
  state_->entries.emplace(
      number, Entry{upgraded.remote_peer, std::move(upgraded.remote_address), std::move(stop), std::move(admission)});
  return connection;
}

std::size_t DataConnections::count_to(const multiformats::PeerId& peer) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(state_->entries, [&](const auto& each) { return each.second.peer == peer; }));
}

void DataConnections::stop(const Which& which) {
  // Those who are told may drop permits, which come back later, or open further connections, which are not meant.
  std::vector<std::stop_source> sources;
  for (const auto& [number, entry] : state_->entries) {
    if (which(entry.peer, entry.address)) sources.push_back(entry.stop);
  }
  for (std::stop_source& each : sources) each.request_stop();
}

}  // namespace libp2p
