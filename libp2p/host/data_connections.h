// The data connections of a host, as far as it still has to do with them: they count, and can be told to end.
#pragma once

#include "libp2p/host/connection_upgrader.h"
#include "libp2p/host/host.h"
#include "libp2p/host/inbound_admission.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>

namespace libp2p {

/// Not thread-safe: lives on its executor, which outlives the connections that it has made. These may outlive it.
class DataConnections {
 public:
  explicit DataConnections(const base::Executor& executor) : executor_(executor) {}

  /// Hands the stream over. The connection counts until its permit is dropped, by anybody on any thread; so does
  /// `admission`. REQUIRES: upgraded is a data connection.
  DataConnection add(UpgradedConnection upgraded, std::optional<InboundAdmission::Permit> admission);

  std::size_t size() const { return state_->entries.size(); }
  std::size_t count_to(const multiformats::PeerId& peer) const;
  /// Requests stop of those for which `which` is true.
  using Which = std::function<bool(const multiformats::PeerId& peer, const multiformats::Multiaddr& address)>;
  void stop(const Which& which);

 private:
  struct Entry {
    multiformats::PeerId peer;
    multiformats::Multiaddr address;
    std::stop_source stop;
    std::optional<InboundAdmission::Permit> admission;
  };
  struct State {
    std::map<std::uint64_t, Entry> entries;
    std::uint64_t last = 0;
  };
  /// What DataConnection::permit is.
  class Permit;

  base::Executor executor_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace libp2p
