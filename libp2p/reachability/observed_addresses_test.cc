#include "libp2p/reachability/observed_addresses.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::Multiaddr;
using multiformats::PeerId;

Multiaddr at(const std::string& text) { return Multiaddr::from_text(text).value(); }
PeerId new_peer() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }

class ObservedAddressesTest : public ::testing::Test {
 protected:
  void observe(const PeerId& observer, const std::string& from, const Multiaddr& address) {
    observed_.observe(observer, at(from), address, now_);
  }
  std::vector<Multiaddr> confirmed() { return observed_.confirmed(now_); }

  ObservedAddresses observed_;
  base::TimePoint now_{1h};
  const Multiaddr ours_ = at("/ip4/44.1.2.3/tcp/4001");
  const Multiaddr wrong_ = at("/ip4/44.9.9.9/tcp/80");
};

TEST_F(ObservedAddressesTest, SeveralOfDifferentNetworksAreBelieved) {
  observe(new_peer(), "/ip4/45.1.0.1/tcp/1", ours_);
  observe(new_peer(), "/ip4/45.2.0.1/tcp/1", ours_);
  EXPECT_TRUE(confirmed().empty());
  EXPECT_EQ(observed_.candidates(now_), std::vector{ours_});
  observe(new_peer(), "/ip4/45.3.0.1/tcp/1", ours_);
  EXPECT_EQ(confirmed(), std::vector{ours_});
}

TEST_F(ObservedAddressesTest, ManyOfOneNetworkAreOne) {
  for (int i = 0; i < 100; ++i) {
    observe(new_peer(), "/ip4/45.1.7." + std::to_string(i + 1) + "/tcp/1", wrong_);
    observe(new_peer(), "/ip6/2600:1:" + std::to_string(i) + "::1/tcp/1", wrong_);
  }
  EXPECT_TRUE(confirmed().empty());
}

TEST_F(ObservedAddressesTest, OnePeerIsOneHoweverOftenItSpeaks) {
  const PeerId liar = new_peer();
  for (int i = 1; i < 10; ++i) observe(liar, "/ip4/45." + std::to_string(i) + ".0.1/tcp/1", wrong_);
  EXPECT_TRUE(confirmed().empty());
  EXPECT_EQ(observed_.size(), 1u);
}

TEST_F(ObservedAddressesTest, WhatIsNoPublicAddressIsPassedOver) {
  for (const char* each : {"/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/dns4/example.org/tcp/1", "/p2p-circuit",
                           "/ip4/44.1.1.1/udp/1", "/ip4/0.0.0.0/tcp/1"}) {
    observe(new_peer(), "/ip4/45.1.0.1/tcp/1", at(each));
  }
  observe(new_peer(), "/p2p-circuit", ours_);
  observe(new_peer(), "/ip4/45.1.0.1/tcp/1/p2p/12D3KooWM5UFnF5u4P2u6iYLPy3w5wi9BUNcmp6KNYHp9atfmX8c/p2p-circuit",
          ours_);
  EXPECT_EQ(observed_.size(), 0u);
}

TEST_F(ObservedAddressesTest, AWordHoldsForATime) {
  for (int i = 1; i <= 3; ++i) observe(new_peer(), "/ip4/45." + std::to_string(i) + ".0.1/tcp/1", ours_);
  now_ += kObservationTime - 1ns;
  EXPECT_EQ(confirmed(), std::vector{ours_});
  now_ += 1ns;
  EXPECT_TRUE(confirmed().empty());
}

TEST_F(ObservedAddressesTest, MemoryIsBounded) {
  for (std::size_t i = 0; i < 2 * kObservationsMax; ++i) {
    now_ += 1ms;
    observe(new_peer(), "/ip4/45.1.0.1/tcp/1", at("/ip4/44.1.2.3/tcp/" + std::to_string(i + 1)));
  }
  EXPECT_EQ(observed_.size(), kObservationsMax);
  EXPECT_EQ(observed_.candidates(now_).size(), kObservedAddressesMax);
}

TEST_F(ObservedAddressesTest, WhatMostSayComesFirst) {
  observe(new_peer(), "/ip4/45.1.0.1/tcp/1", wrong_);
  for (int i = 1; i <= 4; ++i) observe(new_peer(), "/ip4/45." + std::to_string(i) + ".0.1/tcp/1", ours_);
  EXPECT_EQ(observed_.candidates(now_), (std::vector{ours_, wrong_}));
}

}  // namespace
}  // namespace libp2p
