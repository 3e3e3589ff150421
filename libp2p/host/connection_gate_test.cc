#include "libp2p/host/connection_gate.h"

#include "libp2p/core/error.h"
#include "multiformats/numbered_peer.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

AddressRange range(std::string_view text) { return AddressRange::from_text(text).value(); }
boost::asio::ip::address ip(const char* text) { return boost::asio::ip::make_address(text); }
multiformats::Multiaddr at(const std::string& text) { return multiformats::Multiaddr::from_text(text).value(); }

constexpr auto peer = multiformats::testing::numbered_peer;

TEST(AddressRangeTest, BordersAreWhereThePrefixSays) {
  EXPECT_TRUE(range("10.0.0.0/8").contains(ip("10.255.255.255")));
  EXPECT_FALSE(range("10.0.0.0/8").contains(ip("11.0.0.0")));
  EXPECT_TRUE(range("192.0.2.128/25").contains(ip("192.0.2.128")));
  EXPECT_FALSE(range("192.0.2.128/25").contains(ip("192.0.2.127")));
  EXPECT_TRUE(range("2001:db8::/33").contains(ip("2001:db8:7fff::1")));
  EXPECT_FALSE(range("2001:db8::/33").contains(ip("2001:db8:8000::1")));
}

TEST(AddressRangeTest, AnAddressStandsForItself) {
  EXPECT_TRUE(range("192.0.2.1").contains(ip("192.0.2.1")));
  EXPECT_FALSE(range("192.0.2.1").contains(ip("192.0.2.2")));
  EXPECT_EQ(range("::1"), range("::1/128"));
}

TEST(AddressRangeTest, ZeroBitsAreAllOfTheFamily) {
  EXPECT_TRUE(range("0.0.0.0/0").contains(ip("192.0.2.1")));
  EXPECT_FALSE(range("0.0.0.0/0").contains(ip("::")));
  EXPECT_TRUE(range("::/0").contains(ip("2001:db8::1")));
}

TEST(AddressRangeTest, AllElseIsRefused) {
  for (const char* bad : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.1/8", "10.0.0/8",
                          "::/129", "fe80::1%1/128", "example.org/8", "10.0.0.0/8/8"}) {
    const auto parsed = AddressRange::from_text(bad);
    ASSERT_FALSE(parsed) << bad;
    EXPECT_EQ(parsed.error(), Error::kBadAddressRange);
  }
}

TEST(ConnectionGateTest, AnOpenOneAdmitsAll) {
  const ConnectionGate gate;
  EXPECT_TRUE(gate.admits(peer(1)));
  EXPECT_TRUE(gate.admits(at("/ip4/192.0.2.1/tcp/1")));
  EXPECT_TRUE(gate.admits(at("/dns4/example.org/tcp/1")));
}

TEST(ConnectionGateTest, WhatIsDeniedIsDeniedThoughAllowed) {
  ConnectionGate gate;
  gate.denied_peers = {peer(1)};
  gate.denied_addresses = {range("192.0.2.0/24")};
  EXPECT_FALSE(gate.admits(peer(1)));
  EXPECT_TRUE(gate.admits(peer(2)));
  EXPECT_FALSE(gate.admits(at("/ip4/192.0.2.1/tcp/1")));
  EXPECT_TRUE(gate.admits(at("/ip4/192.0.3.1/tcp/1")));
  gate.allowed_peers = {peer(1)};
  gate.allowed_addresses = {range("192.0.0.0/16")};
  EXPECT_FALSE(gate.admits(peer(1)));
  EXPECT_FALSE(gate.admits(at("/ip4/192.0.2.1/tcp/1")));
}

TEST(ConnectionGateTest, AListOfTheAllowedLeavesOthersOut) {
  ConnectionGate gate;
  gate.allowed_peers = {peer(1)};
  gate.allowed_addresses = {range("10.0.0.0/8"), range("::1")};
  EXPECT_TRUE(gate.admits(peer(1)));
  EXPECT_FALSE(gate.admits(peer(2)));
  EXPECT_TRUE(gate.admits(at("/ip4/10.1.2.3/tcp/1")));
  EXPECT_TRUE(gate.admits(at("/ip6/::1/tcp/1")));
  EXPECT_FALSE(gate.admits(at("/ip4/192.0.2.1/tcp/1")));
  EXPECT_FALSE(gate.admits(at("/dns4/example.org/tcp/1"))) << "in no range until it is looked up";
}

TEST(ConnectionGateTest, ACallDeniesMoreAndMayChangeItsMind) {
  ConnectionGate gate;
  bool denies = true;
  gate.denies_peer = [&denies](const multiformats::PeerId& who) { return denies && who == peer(1); };
  EXPECT_FALSE(gate.admits(peer(1)));
  EXPECT_TRUE(gate.admits(peer(2)));
  denies = false;
  EXPECT_TRUE(gate.admits(peer(1)));
  gate.denied_peers = {peer(1)};
  EXPECT_FALSE(gate.admits(peer(1)));
}

}  // namespace
}  // namespace libp2p
