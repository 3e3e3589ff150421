// Circuits as a transport: what the host's dialler and its listeners see of the relay client.
#pragma once

#include "libp2p/core/transport.h"
#include "libp2p/protocols/relay/client_impl.h"

#include <memory>

namespace libp2p::relay {

/// Shares the client's state, which may have been closed: then it dials and listens no more (Error::kClosing).
class Client::CircuitTransport final : public Transport {
 public:
  explicit CircuitTransport(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

  bool can_dial(const multiformats::Multiaddr& address) const override {
    return address.has(multiformats::AddrProtocol::kP2pCircuit);
  }
  using Transport::dial;
  /// REQUIRES: the address ends in the /p2p/… of the peer to reach.
  base::Task<base::Result<RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout,
                                               std::stop_token stop) override {
    return Impl::dial(impl_, std::move(address), timeout, std::move(stop));
  }
  base::Result<std::unique_ptr<Listener>> listen(const multiformats::Multiaddr& address) override;

 private:
  std::shared_ptr<Impl> impl_;
};

/// Destroying it closes it, and gives the reservation up.
class Client::CircuitListener final : public Listener {
 public:
  CircuitListener(std::shared_ptr<Impl> impl, RelaySlotPtr slot) : impl_(std::move(impl)), slot_(std::move(slot)) {}
  ~CircuitListener() override { close(); }

  multiformats::Multiaddr local_address() const override { return slot_->listen_address; }
  std::vector<multiformats::Multiaddr> addresses() const override { return slot_->state.addresses; }
  base::Task<base::Result<RawConnection>> accept() override { return next(slot_); }
  void close() noexcept override { impl_->remove(slot_); }

 private:
  static base::Task<base::Result<RawConnection>> next(RelaySlotPtr slot);

  std::shared_ptr<Impl> impl_;
  RelaySlotPtr slot_;
};

}  // namespace libp2p::relay
