// How a node is reached from outside its network: relays, hole punching, and what others observe of its addresses.
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/protocols/autonat/client.h"
#include "libp2p/protocols/autonat/server.h"
#include "libp2p/protocols/dcutr/hole_puncher.h"
#include "libp2p/protocols/relay/client.h"
#include "libp2p/protocols/relay/server.h"
#include "libp2p/reachability/address_observer.h"

#include <functional>
#include <memory>
#include <vector>

namespace kvp2p {

struct ReachabilityConfig {
  /// Relays through which peers may reach this node, each an address that ends in the relay's /p2p/….
  std::vector<multiformats::Multiaddr> relays = {};
  /// Whether relayed connections are turned into direct ones where that can be done.
  bool hole_punching = true;
  /// Whether peers are asked which of this node's addresses they can reach.
  bool autonat = true;
  /// Tells others the same: for nodes that can be reached from outside.
  bool autonat_server = false;
  /// Be a relay for any peer that the gate admits, or for those alone that `relay_serves` says.
  bool relay_server = false;
  std::function<base::Task<bool>(multiformats::PeerId peer)> relay_serves = nullptr;
  /// Of connections through this relay; libp2p::relay::unlimited_circuits() lets KV go through it.
  libp2p::relay::ServerLimits relay_limits = {};
};

/// Node thread only. Destroyed after close() has completed; `clock` and `host` outlive it.
class Reachability {
 public:
  /// `own` is what the host was made of, or a copy: its key signs vouchers, and a host for dial backs is made like it.
  /// Errors: those of relay::validate(limits).
  static base::Result<std::unique_ptr<Reachability>> create(const base::Executor& executor, base::Clock& clock,
                                                            libp2p::Host& host, const libp2p::HostConfig& own,
                                                            const ReachabilityConfig& config);
  Reachability(const Reachability&) = delete;
  Reachability& operator=(const Reachability&) = delete;

  /// Listens at the relays. After the host has begun to listen elsewhere, so that they are dialled from that port.
  /// Error::kUnsupportedAddress for what is no relay's address.
  base::Result<> start(const std::vector<multiformats::Multiaddr>& relays);
  base::Task<> close();

 private:
  Reachability(base::Clock& clock, libp2p::Host& host);

  /// What others have observed often enough, and what has been dialled with success.
  void announce_observed();

  libp2p::Host& host_;
  libp2p::AddressObserver observer_;
  std::unique_ptr<libp2p::relay::Client> relays_;
  std::unique_ptr<libp2p::relay::Server> relay_server_;
  std::unique_ptr<libp2p::dcutr::HolePuncher> puncher_;
  std::unique_ptr<libp2p::autonat::Client> autonat_;
  std::unique_ptr<libp2p::autonat::Server> autonat_server_;
};

}  // namespace kvp2p
