// Finds libp2p peers on the local network, and is found, by multicast DNS (libp2p/specs discovery/mdns.md).
#pragma once

#include "base/clock.h"
#include "base/task.h"
#include "multiformats/multiaddr.h"
#include "multiformats/peer_id.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace libp2p::mdns {

struct MdnsConfig {
  multiformats::PeerId peer_id;
  /// Nodes find those of the same service only. A private network has one of its own: `_p2p-<fingerprint>._udp.local`.
  std::string service = "_p2p._udp.local";
  /// What this node listens on, without /p2p; Host::addresses(). On each interface, those on its own addresses are
  /// announced; if there are none, the node listens and stays silent. Asked for each answer, on the executor.
  std::function<std::vector<multiformats::Multiaddr>()> addresses;
  /// Queries go out at once, then after 1 s, 2 s, 4 s and so on up to this; and again when an interface comes up.
  base::Duration query_interval_max = std::chrono::seconds(60);
};

/// A peer and its addresses, without /p2p, as it claims: who it is shows when it is dialled. Called on the executor
/// when a peer is first heard of, when it has a new address, and again every half minute or so while it answers; never
/// for ourselves. May close the service.
using OnPeer = std::function<void(multiformats::PeerId peer, std::vector<multiformats::Multiaddr> addresses)>;

/// Runs on every interface that is up and can multicast, by IPv4 and IPv6, and follows as they come and go.
/// Not thread-safe: all calls on the executor. `clock` and the executor's context outlive it.
class MdnsService {
 public:
  MdnsService(const base::Executor& executor, base::Clock& clock, MdnsConfig config, OnPeer on_peer);
  /// Closes.
  ~MdnsService();

  /// Never fails for good: with no usable interface now it waits for one, and says so in the log.
  void start();
  /// Asks at once, and then as often as after start().
  void query_now();
  /// Idempotent. on_peer is not called any more.
  void close();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;  // shared with its receivers, which end a moment after close()
};

}  // namespace libp2p::mdns
