// A relay: lets peers that cannot be dialled be reached through this node (libp2p/specs relay/circuit-v2.md).
//
//     auto relay = relay::Server::create(executor, clock, host, {.key = key});
//
// What peers can make it hold or carry is bounded by ServerLimits. It never dials anybody.
#pragma once

#include "libp2p/host/host.h"
#include "libp2p/protocols/relay/error.h"
#include "libp2p/protocols/relay/server_limits.h"

#include <functional>
#include <memory>

namespace libp2p::relay {

/// For a request to come in, for a peer to answer, for an answer to be taken.
inline constexpr base::Duration kServerStepTimeout = std::chrono::seconds(10);

struct ServerConfig {
  /// The host's; signs vouchers.
  multiformats::PrivateKey key;
  ServerLimits limits = {};
  /// Whom to serve, those who reserve and those who connect through this relay; anybody if not set. The host's gate
  /// comes before it. May take a moment to find out; ends when the host is closed.
  std::function<base::Task<bool>(multiformats::PeerId peer)> serves = nullptr;
  /// Seconds since 1970, as told to peers; the system's clock if not set.
  std::function<std::uint64_t()> unix_time_s = nullptr;
};

struct ServerStats {
  std::size_t reservations = 0;
  std::size_t circuits = 0;
  std::uint64_t circuits_opened = 0;
  std::uint64_t bytes_carried = 0;  ///< of circuits that have ended
  std::uint64_t refused = 0;        ///< requests
};

/// Not thread-safe: all calls on the host's executor. Destroyed after close() has completed, and before the host.
class Server {
 public:
  /// Serves from now on. `clock` and `host` outlive it. Errc::kBadLimits.
  static base::Result<std::unique_ptr<Server>> create(const base::Executor& executor, base::Clock& clock, Host& host,
                                                      ServerConfig config);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  ServerStats stats() const;
  /// Ends all circuits, and serves no more. Idempotent.
  base::Task<> close();

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with its coroutines
};

}  // namespace libp2p::relay
