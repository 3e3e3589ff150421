#include "libp2p/protocols/relay/circuit_address.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>

namespace libp2p::relay {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

constexpr const char* kRelay = "12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c";
constexpr const char* kTarget = "12D3KooWHPeKUSxmeEoeHaRUjnxxcoRaKU4TjuwsKMDLURivkEJV";

Multiaddr address(const std::string& text) { return Multiaddr::from_text(text).value(); }
std::string relay() { return std::string("/ip4/192.0.2.1/tcp/4001/p2p/") + kRelay; }

TEST(CircuitAddress, PartsAreFound) {
  const auto whole = CircuitAddress::parse(address(relay() + "/p2p-circuit/p2p/" + kTarget)).value();
  EXPECT_EQ(whole.relay.to_text(), kRelay);
  EXPECT_EQ(whole.relay_address, address("/ip4/192.0.2.1/tcp/4001"));
  EXPECT_EQ(whole.target->to_text(), kTarget);
  EXPECT_EQ(CircuitAddress::parse(address(relay() + "/p2p-circuit")).value().target, std::nullopt);
  const auto known =
      CircuitAddress::parse(address(std::string("/p2p/") + kRelay + "/p2p-circuit/p2p/" + kTarget)).value();
  EXPECT_TRUE(known.relay_address.empty());
}

TEST(CircuitAddress, OthersAreRefused) {
  for (const std::string& text : {
           relay(),
           std::string("/p2p-circuit"),
           std::string("/p2p-circuit/p2p/") + kTarget,
           std::string("/ip4/192.0.2.1/tcp/4001/p2p-circuit"),        // which relay?
           relay() + "/p2p-circuit/tcp/1",                            // to an address behind it
           relay() + "/p2p-circuit/p2p/" + kTarget + "/p2p-circuit",  // a circuit over a circuit
           relay() + "/p2p-circuit/p2p/" + kTarget + "/p2p-circuit/p2p/" + kTarget,
           relay() + "/p2p-circuit/p2p/" + kTarget + "/p2p/" + kTarget,
       }) {
    const auto parsed = Multiaddr::from_text(text);
    if (!parsed) continue;
    EXPECT_FALSE(CircuitAddress::parse(*parsed)) << text;
  }
  EXPECT_EQ(CircuitAddress::parse({}).error(), Error::kUnsupportedAddress);
}

TEST(CircuitAddress, IsMadeOfARelaysAddress) {
  const PeerId peer = PeerId::from_text(kRelay).value();
  EXPECT_EQ(make_circuit_address(address("/ip4/192.0.2.1/tcp/4001"), peer).value(), address(relay() + "/p2p-circuit"));
  EXPECT_EQ(make_circuit_address(address(relay()), peer).value(), address(relay() + "/p2p-circuit"));
  EXPECT_FALSE(make_circuit_address(address(relay()), PeerId::from_text(kTarget).value()));
  EXPECT_FALSE(make_circuit_address(address(relay() + "/p2p-circuit"), peer));
}

}  // namespace
}  // namespace libp2p::relay
