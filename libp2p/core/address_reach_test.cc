#include "libp2p/core/address_reach.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

AddressReach of(std::string_view text) { return reach_of(multiformats::Multiaddr::from_text(text).value()); }

TEST(AddressReach, IsTold) {
  for (const char* each : {"/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1"}) EXPECT_EQ(of(each), AddressReach::kLoopback);
  for (const char* each :
       {"/ip4/10.1.2.3/tcp/1", "/ip4/172.31.0.1/tcp/1", "/ip4/192.168.0.1/tcp/1", "/ip4/169.254.0.1/tcp/1",
        "/ip4/100.64.0.1/tcp/1", "/ip6/fd00::1/tcp/1", "/ip6zone/1/ip6/fe80::1/tcp/1"}) {
    EXPECT_EQ(of(each), AddressReach::kPrivate) << each;
  }
  for (const char* each :
       {"/ip4/44.128.0.1/tcp/1", "/ip4/172.32.0.1/tcp/1", "/ip4/100.128.0.1/tcp/1", "/ip6/2600::1/tcp/1"}) {
    EXPECT_EQ(of(each), AddressReach::kPublic) << each;
  }
  for (const char* each : {"/ip4/0.0.0.0/tcp/1", "/ip4/224.0.0.1/tcp/1", "/dns4/example.org/tcp/1",
                           "/ip4/1.1.1.1/udp/1", "/ip6/::/tcp/1", "/p2p-circuit"}) {
    EXPECT_EQ(of(each), AddressReach::kOther) << each;
  }
}

}  // namespace
}  // namespace libp2p
