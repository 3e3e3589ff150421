// Finds out which of this node's addresses can be reached, by asking peers to dial them (libp2p/specs
// autonat/autonat-v2.md).
//
//     auto autonat = autonat::Client::create(executor, clock, host, {.addresses = …, .changed = …});
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/protocols/autonat/reachability_table.h"

#include <functional>
#include <memory>
#include <vector>

namespace libp2p::autonat {

/// For one request, all of it.
inline constexpr base::Duration kRequestTimeout = std::chrono::seconds(60);
/// Dial data that is sent for one request; whoever wants more is not asked.
inline constexpr std::uint64_t kDialDataSentMax = 128 * 1024;
/// Between two requests.
inline constexpr base::Duration kRequestPause = std::chrono::seconds(2);
/// An address with a verdict is asked about again after this.
inline constexpr base::Duration kRecheckTime = std::chrono::minutes(10);
/// A server that has not said what became of the dial is not asked for this long.
inline constexpr base::Duration kServerPause = std::chrono::minutes(5);

struct ClientConfig {
  /// What is to be found out about: addresses that may be this node's. Those that are not TCP over a public IP address
  /// are left out, unless `may_ask` says otherwise.
  std::function<std::vector<multiformats::Multiaddr>()> addresses;
  std::function<bool(const multiformats::Multiaddr&)> may_ask = nullptr;
  /// Servers that must agree.
  std::size_t confidence = 3;
  /// Called when verdict() has changed for an address.
  std::function<void()> changed = nullptr;
  /// For the choice of servers. Nonces are secrets, and come from the system.
  std::uint64_t seed = 0;
};

/// Not thread-safe: all calls on the host's executor. Destroyed after close() has completed, and before the host.
class Client {
 public:
  /// Serves the dial back from now on, and asks peers that identify tells to be servers. `clock` and `host` outlive it.
  static std::unique_ptr<Client> create(const base::Executor& executor, base::Clock& clock, Host& host,
                                        ClientConfig config);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Verdict verdict(const multiformats::Multiaddr& address) const;
  /// Idempotent.
  base::Task<> close();

 private:
  class Impl;
  explicit Client(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with its coroutines
};

}  // namespace libp2p::autonat
