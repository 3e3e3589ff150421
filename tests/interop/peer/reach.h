// The peer's relays and hole punches.
#pragma once

#include "libp2p/protocols/autonat/client.h"
#include "libp2p/protocols/autonat/server.h"
#include "libp2p/protocols/dcutr/hole_puncher.h"
#include "libp2p/protocols/relay/client.h"
#include "libp2p/protocols/relay/server.h"
#include "libp2p/reachability/address_observer.h"
#include "tests/interop/peer/reply.h"

#include <memory>
#include <string>

namespace interop {

struct ReachOptions {
  /// Uses relays.
  bool relay = false;
  /// Is one: "limited" or "unlimited"; empty: not.
  std::string relay_server;
  /// Turns relayed connections into direct ones.
  bool punch = false;
  /// Asks whether it can be reached, and tells others whether they can.
  bool autonat = false;
};

/// Not thread-safe; destroyed after close() has completed.
class Reach {
 public:
  Reach(const base::Executor& executor, base::Clock& clock, libp2p::Host& host, const multiformats::PrivateKey& key,
        const ReachOptions& options);

  /// Null without ReachOptions::relay.
  libp2p::relay::Client* relays() { return client_.get(); }
  /// Asks peers to dial the address from now on. Null without ReachOptions::autonat.
  libp2p::autonat::Client* probe(const multiformats::Multiaddr& address) {
    probed_ = {address};
    return autonat_.get();
  }
  base::Task<> close();

 private:
  void start_autonat(const base::Executor& executor, base::Clock& clock, libp2p::Host& host);

  libp2p::AddressObserver observer_;
  std::unique_ptr<libp2p::relay::Client> client_;
  std::unique_ptr<libp2p::relay::Server> server_;
  std::unique_ptr<libp2p::dcutr::HolePuncher> puncher_;
  std::vector<multiformats::Multiaddr> probed_;
  std::unique_ptr<libp2p::autonat::Client> autonat_;
  std::unique_ptr<libp2p::autonat::Server> autonat_server_;
};

}  // namespace interop
