#include "libp2p/host/dial_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> ordered(const std::vector<std::string>& texts) {
  std::vector<multiformats::Multiaddr> addresses;
  for (const auto& text : texts) addresses.push_back(multiformats::Multiaddr::from_text(text).value());
  std::vector<std::string> result;
  for (const auto& each : dial_order(addresses)) result.push_back(each.to_text());
  return result;
}

TEST(DialOrderTest, TheFamiliesTakeTurnsBeginningWithIpv6) {
  EXPECT_THAT(ordered({"/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1", "/ip4/192.0.2.3/tcp/1", "/ip6/2001:db8::1/tcp/1",
                       "/ip6/2001:db8::2/tcp/1"}),
              ElementsAre("/ip6/2001:db8::1/tcp/1", "/ip4/192.0.2.1/tcp/1", "/ip6/2001:db8::2/tcp/1",
                          "/ip4/192.0.2.2/tcp/1", "/ip4/192.0.2.3/tcp/1"));
}

TEST(DialOrderTest, PrivateComesBeforePublicAndLoopbackAfterBoth) {
  EXPECT_THAT(ordered({"/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/dns4/example.org/tcp/1", "/ip4/192.0.2.1/tcp/1",
                       "/ip4/10.1.2.3/tcp/1", "/ip6/2001:db8::1/tcp/1", "/ip6/fd00::1/tcp/1"}),
              ElementsAre("/ip6/fd00::1/tcp/1", "/ip4/10.1.2.3/tcp/1", "/ip6/2001:db8::1/tcp/1", "/ip4/192.0.2.1/tcp/1",
                          "/ip6/::1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/dns4/example.org/tcp/1"));
}

TEST(DialOrderTest, TheBordersOfPrivateNetworksAreKnown) {
  for (const char* inside :
       {"/ip4/10.0.0.0/tcp/1", "/ip4/10.255.255.255/tcp/1", "/ip4/172.16.0.0/tcp/1", "/ip4/172.31.255.255/tcp/1",
        "/ip4/192.168.0.1/tcp/1", "/ip4/169.254.0.1/tcp/1", "/ip4/100.64.0.0/tcp/1", "/ip4/100.127.255.255/tcp/1",
        "/ip6/fc00::/tcp/1", "/ip6/fdff::1/tcp/1", "/ip6/fe80::1/tcp/1"}) {
    EXPECT_THAT(ordered({"/ip6/2001:db8::1/tcp/1", "/ip4/192.0.2.1/tcp/1", inside}).front(), inside);
  }
  for (const char* outside : {"/ip4/11.0.0.0/tcp/1", "/ip4/172.15.255.255/tcp/1", "/ip4/172.32.0.0/tcp/1",
                              "/ip4/192.169.0.1/tcp/1", "/ip4/100.63.255.255/tcp/1", "/ip4/100.128.0.0/tcp/1"}) {
    EXPECT_THAT(ordered({"/ip4/192.0.2.1/tcp/1", outside}).front(), "/ip4/192.0.2.1/tcp/1");
  }
}

TEST(DialOrderTest, WhatIsThereTwiceComesOnce) {
  EXPECT_THAT(ordered({"/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/tcp/2", "/ip4/192.0.2.1/tcp/1"}),
              ElementsAre("/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/tcp/2"));
  EXPECT_THAT(ordered({}), IsEmpty());
}

}  // namespace
}  // namespace libp2p
