// A network within the process, for tests of hosts without sockets.
#pragma once

#include "libp2p/core/transport.h"
#include "libp2p/testing/memory_pipe.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>

namespace libp2p::testing {

class MemoryListener;

/// Who listens where. Outlives the transports of it; not thread-safe.
class MemoryNetwork {
 public:
  explicit MemoryNetwork(base::Executor executor, MemoryPipeOptions options = {})
      : executor_(std::move(executor)), options_(options) {}

 private:
  friend class MemoryTransport;
  friend class MemoryListener;
  base::Executor executor_;
  MemoryPipeOptions options_;
  std::map<multiformats::Multiaddr, MemoryListener*> listeners_;
  std::uint16_t next_port_ = 1024;
};

/// Dials and listens at /ip4/…/tcp/… addresses of one MemoryNetwork. Connections are memory pipes.
class MemoryTransport final : public Transport {
 public:
  /// What is done to each raw stream of this end.
  using Wrap = std::function<std::unique_ptr<Stream>(std::unique_ptr<Stream>)>;

  explicit MemoryTransport(MemoryNetwork& network, Wrap wrap = nullptr) : network_(network), wrap_(std::move(wrap)) {}

  bool can_dial(const multiformats::Multiaddr& address) const override { return address.tcp_endpoint().has_value(); }
  using Transport::dial;
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout,
                                               std::stop_token stop) override;
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;

 private:
  MemoryNetwork& network_;
  Wrap wrap_;
};

}  // namespace libp2p::testing
