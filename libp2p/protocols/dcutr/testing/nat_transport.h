// A network within the process in which some nodes are behind NATs, for tests of hole punching.
#pragma once

#include "base/signal.h"
#include "libp2p/core/error.h"
#include "libp2p/core/scoped_deadline.h"
#include "libp2p/testing/memory_transport.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

namespace libp2p::dcutr {

/// Which nodes are behind NATs, and who is dialling whom. Outlives the transports of it; not thread-safe.
class NatNetwork {
 public:
  explicit NatNetwork(const base::Executor& executor) : memory(executor), executor_(executor), changed(executor) {}

  testing::MemoryNetwork memory;
  /// Addresses behind NATs: nobody who is not dialled at the same moment gets through.
  std::set<multiformats::Multiaddr> behind_nat;
  /// Whether dialling each other gets through.
  bool lets_punch = true;
  std::size_t dials = 0;  ///< to addresses behind NATs

 private:
  friend class NatTransport;
  using Way = std::pair<multiformats::Multiaddr, multiformats::Multiaddr>;
  struct Waiting {
    std::unique_ptr<Stream> stream;
  };

  base::Executor executor_;
  base::Signal changed;
  /// Dials under way, from and to.
  std::map<Way, std::shared_ptr<Waiting>> waiting_;
};

/// One node's: `own` is its address as others see it.
class NatTransport final : public Transport {
 public:
  NatTransport(NatNetwork& network, base::Clock& clock, multiformats::Multiaddr own)
      : network_(network), clock_(clock), own_(std::move(own)), memory_(network.memory) {}

  bool can_dial(const multiformats::Multiaddr& address) const override { return address.tcp_endpoint().has_value(); }
  using Transport::dial;
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout,
                                               std::stop_token stop) override {
    if (!network_.behind_nat.contains(address)) return memory_.dial(std::move(address), timeout, std::move(stop));
    return meet(std::move(address), timeout, std::move(stop), false);
  }
  base::Task<base::Result<RawConnection>> dial_from_listen_port(multiformats::Multiaddr address, base::Duration timeout,
                                                                std::stop_token stop) override {
    if (!network_.behind_nat.contains(address)) return memory_.dial(std::move(address), timeout, std::move(stop));
    return meet(std::move(address), timeout, std::move(stop), true);
  }
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override {
    return memory_.listen(address);
  }

 private:
  base::Task<base::Result<RawConnection>> meet(multiformats::Multiaddr to, base::Duration timeout, std::stop_token stop,
                                               bool from_listen_port) {
    ++network_.dials;
    const NatNetwork::Way here(own_, to), there(to, own_);
    if (const auto other = network_.waiting_.find(there); from_listen_port && other != network_.waiting_.end()) {
      auto [ours, theirs] = testing::make_memory_pipe(network_.executor_);
      other->second->stream = std::move(theirs);
      network_.waiting_.erase(other);
      network_.changed.notify_all();
      co_return RawConnection{std::move(ours), own_, to};
    }
    auto waiting = std::make_shared<NatNetwork::Waiting>();
    if (from_listen_port && network_.lets_punch) network_.waiting_.insert_or_assign(here, waiting);
    ScopedDeadline deadline(clock_, clock_.now() + timeout, [this] { network_.changed.notify_all(); });
    const std::stop_callback on_stop(stop, [this] { network_.changed.notify_all(); });
    while (!waiting->stream && !deadline.expired() && !stop.stop_requested()) co_await network_.changed.wait();
    if (waiting->stream) co_return RawConnection{std::move(waiting->stream), own_, to};
    std::erase_if(network_.waiting_, [&](const auto& each) { return each.second == waiting; });
    co_return stop.stop_requested() ? Error::kClosing : Error::kTimeout;
  }

  NatNetwork& network_;
  base::Clock& clock_;
  multiformats::Multiaddr own_;
  testing::MemoryTransport memory_;
};

}  // namespace libp2p::dcutr
