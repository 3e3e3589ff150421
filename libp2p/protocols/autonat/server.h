// Tells other nodes whether they can be reached (libp2p/specs autonat/autonat-v2.md): dials one of the addresses that a
// peer names, and says what came of it.
//
// It dials for others, so it must not be a tool against third parties: an address at another IP address than the peer's
// costs the peer more bytes than the dial costs its target, requests are limited, and only public addresses are
// dialled.
#pragma once

#include "libp2p/host/host.h"

#include <functional>
#include <memory>

namespace libp2p::autonat {

/// Before an address of another IP address is dialled, the peer sends so many bytes, and up to so many more.
inline constexpr std::uint64_t kDialDataMin = 30'000;
inline constexpr std::uint64_t kDialDataMax = 100'000;
inline constexpr base::Duration kDialDataTimeout = std::chrono::seconds(30);
/// For a message of the peer, and for the dial back's answer.
inline constexpr base::Duration kServerStepTimeout = std::chrono::seconds(10);
/// Of the dial. rust-libp2p gives a request 10 s in all, and takes one that lasts longer for never asked.
inline constexpr base::Duration kServerDialTimeout = std::chrono::seconds(5);

struct ServerConfig {
  /// Requests at once: of one peer, and in all.
  std::size_t requests_per_peer_max = 2;
  std::size_t requests_max = 16;
  /// Requests in the long run, of one peer and in all: so many at once, then one an interval.
  std::size_t peer_burst = 6;
  base::Duration peer_interval = std::chrono::seconds(10);
  std::size_t burst = 60;
  base::Duration interval = std::chrono::seconds(1);
  /// Which addresses are dialled; if not set, public ones. Always TCP over IP.
  std::function<bool(const multiformats::Multiaddr&)> may_dial = nullptr;
  /// For how much dial data is asked.
  std::uint64_t seed = 0;
};

struct ServerStats {
  std::uint64_t served = 0;  ///< requests that ended in a dial
  std::uint64_t reachable = 0;
  std::uint64_t refused = 0;
  std::uint64_t dial_data_bytes = 0;
};

/// Not thread-safe: all calls on the host's executor. Destroyed after close() has completed, and before the host.
class Server {
 public:
  /// Serves from now on. `dial_back` dials: another host, with a key of its own and no listeners, so that its
  /// connections are not taken for the host's, and come from ports that are not listened on; gate and private network
  /// are to be the host's. `clock` and `host` outlive it.
  static std::unique_ptr<Server> create(const base::Executor& executor, base::Clock& clock, Host& host,
                                        std::unique_ptr<Host> dial_back, ServerConfig config = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  ServerStats stats() const;
  /// Idempotent.
  base::Task<> close();

 private:
  class Impl;
  explicit Server(std::shared_ptr<Impl> impl);

  std::shared_ptr<Impl> impl_;  // shared with its coroutines
};

}  // namespace libp2p::autonat
