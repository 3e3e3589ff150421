#include "libp2p/core/network_id.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

std::optional<NetworkId> of(std::string_view text, NetworkPrefix prefix = {}) {
  return network_of(multiformats::Multiaddr::from_text(text).value(), prefix);
}

TEST(NetworkId, Ip4CountsByAddress) {
  EXPECT_EQ(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.2.1/tcp/2"));
  EXPECT_NE(of("/ip4/192.0.2.1/tcp/1"), of("/ip4/192.0.2.2/tcp/1"));
  EXPECT_EQ(of("/ip4/192.0.2.1/tcp/1")->bits, 0xc0000201u);
}

TEST(NetworkId, Ip6CountsByItsFirst64Bits) {
  EXPECT_EQ(of("/ip6/2001:db8:0:1::1/tcp/1"), of("/ip6/2001:db8:0:1:ffff::2/tcp/1"));
  EXPECT_NE(of("/ip6/2001:db8:0:1::1/tcp/1"), of("/ip6/2001:db8:0:2::1/tcp/1"));
  EXPECT_EQ(of("/ip6zone/eth0/ip6/fe80::1/tcp/1"), of("/ip6/fe80::1/tcp/1"));
}

TEST(NetworkId, APrefixMakesNetworksLarger) {
  EXPECT_EQ(of("/ip4/192.0.2.1/tcp/1", {.ip4_bits = 16}), of("/ip4/192.0.7.2/tcp/1", {.ip4_bits = 16}));
  EXPECT_NE(of("/ip4/192.0.2.1/tcp/1", {.ip4_bits = 16}), of("/ip4/192.1.2.1/tcp/1", {.ip4_bits = 16}));
  EXPECT_EQ(of("/ip6/2001:db8:1::1/tcp/1", {.ip6_bits = 32}), of("/ip6/2001:db8:2::1/tcp/1", {.ip6_bits = 32}));
}

TEST(NetworkId, ARelayedPeerIsOfTheRelaysNetwork) {
  constexpr std::string_view relayed =
      "/ip4/192.0.2.1/tcp/1/p2p/12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c/p2p-circuit";
  EXPECT_EQ(of(relayed), of("/ip4/192.0.2.1/tcp/9"));
}

TEST(NetworkId, NamesAreOfNone) {
  EXPECT_EQ(of("/dns4/example.org/tcp/1"), std::nullopt);
  EXPECT_EQ(of("/p2p-circuit"), std::nullopt);
  EXPECT_EQ(network_of({}), std::nullopt);
}

}  // namespace
}  // namespace libp2p
