// Transport and security of a simulated node.
#pragma once

#include "libp2p/core/security.h"
#include "libp2p/core/transport.h"
#include "multiformats/keys.h"
#include "tests/sim/network.h"

namespace kvp2p::sim {

/// Dials and listens at the one address of its node (Network::address_of()).
class SimTransport final : public libp2p::Transport {
 public:
  SimTransport(Network& network, NodeNumber node) : network_(network), node_(node) {}

  bool can_dial(const multiformats::Multiaddr& address) const override { return Network::node_at(address).has_value(); }
  base::Task<base::Result<libp2p::RawConnection>> dial(multiformats::Multiaddr address, base::Duration timeout,
                                                       std::stop_token stop) override;
  base::Result<std::unique_ptr<libp2p::Listener>> listen(const multiformats::Multiaddr& address) override;

 private:
  Network& network_;
  NodeNumber node_;
};

/// Both sides name their keys, in messages as long as a handshake's, and believe it: it would cost a simulation of
/// thousands of nodes most of its time to compute what cannot fail there.
class SimSecurity final : public libp2p::Security {
 public:
  explicit SimSecurity(multiformats::PublicKey key) : key_(std::move(key)) {}
  std::string_view protocol_id() const override { return "/sim/1.0.0"; }
  base::Task<base::Result<libp2p::SecuredStream>> secure_outbound(
      std::unique_ptr<libp2p::Stream> raw, std::optional<multiformats::PeerId> expected) override;
  base::Task<base::Result<libp2p::SecuredStream>> secure_inbound(std::unique_ptr<libp2p::Stream> raw) override;

 private:
  multiformats::PublicKey key_;
};

}  // namespace kvp2p::sim
