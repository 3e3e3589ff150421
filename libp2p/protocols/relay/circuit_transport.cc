#include "libp2p/protocols/relay/circuit_transport.h"

#include "libp2p/core/error.h"

namespace libp2p::relay {

base::Result<std::unique_ptr<Listener>> Client::CircuitTransport::listen(const multiformats::Multiaddr& address) {
  auto slot = impl_->add(address);
  if (!slot) return slot.error();
  return std::make_unique<CircuitListener>(impl_, std::move(*slot));
}

base::Task<base::Result<RawConnection>> Client::CircuitListener::next(RelaySlotPtr slot) {
  while (slot->arrived.empty() && !slot->closed) co_await slot->changed.wait();
  if (slot->closed) co_return Error::kClosing;
  RawConnection raw = std::move(slot->arrived.front());
  slot->arrived.pop_front();
  co_return raw;
}

}  // namespace libp2p::relay
