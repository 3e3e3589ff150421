// Turns relayed connections into direct ones, through NATs on both sides (libp2p/specs relay/DCUtR.md).
//
//     auto puncher = dcutr::HolePuncher::create(executor, clock, host, {.own_addresses = …});
//
// When a peer has connected to us through a relay, we try its public addresses, and if that fails both sides dial each
// other at the same moment. A direct connection that comes about takes the relayed one's place (connection_set.h).
#pragma once

#include "libp2p/host/host.h"

#include <functional>
#include <memory>
#include <vector>

namespace libp2p::dcutr {

/// As the specification has it: a second and a third try after the first.
inline constexpr int kAttempts = 3;
/// Addresses of the other side that are dialled at once.
inline constexpr std::size_t kDialledMax = 8;
/// For one attempt; a SYN that is lost is sent again within it.
inline constexpr base::Duration kPunchTimeout = std::chrono::seconds(5);
/// For the other side's public addresses, before holes are punched.
inline constexpr base::Duration kDirectTimeout = std::chrono::seconds(5);
/// For one message of the other side. It may be trying the addresses that it knows.
inline constexpr base::Duration kMessageTimeout = std::chrono::seconds(15);
/// Peers that are dialled in this way at once. What others ask for meanwhile is not done.
inline constexpr std::size_t kUpgradesMax = 16;

struct HolePuncherConfig {
  /// Where this node may be reached, as others have observed it: the addresses of its listening ports on the outer side
  /// of its NAT.
  std::function<std::vector<multiformats::Multiaddr>()> own_addresses;
  /// Which addresses a peer may have us dial; if not set, public ones. Names are never looked up.
  std::function<bool(const multiformats::Multiaddr&)> may_dial = nullptr;
};

struct HolePuncherStats {
  std::uint64_t begun = 0;
  std::uint64_t direct = 0;   ///< by dialling the other side's public addresses
  std::uint64_t punched = 0;  ///< by dialling each other at the same moment
  std::uint64_t failed = 0;
};

/// Not thread-safe: all calls on the host's executor. Destroyed after close() has completed, and before the host.
class HolePuncher {
 public:
  /// Serves the protocol from now on. `clock` and `host` outlive it.
  static std::unique_ptr<HolePuncher> create(const base::Executor& executor, base::Clock& clock, Host& host,
                                             HolePuncherConfig config);
  ~HolePuncher();
  HolePuncher(const HolePuncher&) = delete;
  HolePuncher& operator=(const HolePuncher&) = delete;

  HolePuncherStats stats() const;
  /// Begins no more, and waits for what is under way. Idempotent.
  base::Task<> close();

 private:
  class Impl;
  explicit HolePuncher(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with its coroutines
};

}  // namespace libp2p::dcutr
