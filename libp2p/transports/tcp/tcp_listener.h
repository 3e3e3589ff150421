// Accepts TCP connections.
#pragma once

#include "base/signal.h"
#include "libp2p/core/transport.h"
#include "libp2p/transports/tcp/listen_ports.h"

#include <boost/asio/ip/tcp.hpp>

#include <memory>

namespace libp2p {

/// Not thread-safe. Destroying it closes it; a pending accept() then fails with Error::kClosing.
class TcpListener final : public Listener {
 public:
  /// Connections that the kernel holds until they are accepted.
  static constexpr int kBacklog = 512;
  /// How long to wait for descriptors or memory to become free before accepting again.
  static constexpr base::Duration kRetryDelay = std::chrono::milliseconds(100);

  /// Binds and listens. An IPv6 listener takes no IPv4, so that both can have one port. `clock` outlives the listener
  /// and its pending accept(). Where it listens is in `ports` until it is closed.
  static base::Result<std::unique_ptr<Listener>> open(const base::Executor& executor, base::Clock& clock,
                                                      const boost::asio::ip::tcp::endpoint& endpoint,
                                                      std::shared_ptr<ListenPorts> ports);
  ~TcpListener() override { close(); }

  multiformats::Multiaddr local_address() const override { return local_address_; }
  base::Task<base::Result<RawConnection>> accept() override;
  void close() noexcept override;

 private:
  struct State;
  TcpListener(std::shared_ptr<State> state, multiformats::Multiaddr local_address)
      : state_(std::move(state)), local_address_(std::move(local_address)) {}

  // Shared with the pending accept(), which may outlive the listener.
  std::shared_ptr<State> state_;
  multiformats::Multiaddr local_address_;
};

}  // namespace libp2p
