// What mDNS remembers: when to answer, what is news, what is local.
#include "libp2p/discovery/mdns/answer_schedule.h"
#include "libp2p/discovery/mdns/network_interface.h"
#include "libp2p/discovery/mdns/sightings.h"
#include "multiformats/keys.h"

#include <gtest/gtest.h>

namespace libp2p::mdns {
namespace {

using namespace std::chrono_literals;
using boost::asio::ip::make_address;

multiformats::PeerId make_peer() {
  return multiformats::PeerId::from_public_key(multiformats::PrivateKey::generate().public_key());
}
multiformats::Multiaddr addr(std::string_view text) { return multiformats::Multiaddr::from_text(text).value(); }

TEST(AnswerSchedule, TheFirstAnswerWaitsForItsTurnOnly) {
  AnswerSchedule schedule;
  const base::TimePoint now{10s};
  EXPECT_EQ(schedule.ask(1, now, 30ms), now + 30ms);
  EXPECT_EQ(schedule.take(now + 30ms), 1);
  EXPECT_EQ(schedule.take(now + 31ms), 0);
}

TEST(AnswerSchedule, QueriesInBetweenAreJoined) {
  AnswerSchedule schedule;
  const base::TimePoint now{10s};
  schedule.ask(1, now, 30ms);
  EXPECT_EQ(schedule.ask(2, now + 10ms, 100ms), now + 30ms) << "no later than the first one";
  EXPECT_EQ(schedule.take(now + 30ms), 3);
}

TEST(AnswerSchedule, AnswersAreASecondApart) {
  AnswerSchedule schedule;
  const base::TimePoint now{10s};
  schedule.ask(1, now, 0ms);
  schedule.take(now);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(schedule.ask(1, now + 1ms * i, 20ms), now + kAnswerInterval);
  schedule.take(now + kAnswerInterval);
  EXPECT_EQ(schedule.ask(1, now + 5s, 20ms), now + 5s + 20ms);
}

TEST(Sightings, APeerIsNewsOnce) {
  Sightings sightings;
  const auto peer = make_peer();
  const multiformats::Multiaddr one[] = {addr("/ip4/192.0.2.1/tcp/1")};
  const multiformats::Multiaddr two[] = {addr("/ip4/192.0.2.1/tcp/1"), addr("/ip4/192.0.2.2/tcp/1")};
  const base::TimePoint now{10s};
  EXPECT_TRUE(sightings.is_news(peer, one, now));
  EXPECT_FALSE(sightings.is_news(peer, one, now + 1s));
  EXPECT_TRUE(sightings.is_news(peer, two, now + 2s)) << "a new address";
  EXPECT_FALSE(sightings.is_news(peer, one, now + 3s));
  EXPECT_TRUE(sightings.is_news(make_peer(), one, now + 3s)) << "another peer";
  EXPECT_TRUE(sightings.is_news(peer, one, now + 2s + kToldAgainAfter)) << "it may be worth another try";
}

TEST(Sightings, MemoryIsBounded) {
  Sightings sightings;
  const auto peer = make_peer();
  const base::TimePoint now{10s};
  const multiformats::Multiaddr first[] = {addr("/ip4/192.0.2.1/tcp/1")};
  EXPECT_TRUE(sightings.is_news(peer, first, now));
  for (std::size_t i = 0; i < kSightingsMax; ++i) {
    const multiformats::Multiaddr next[] = {addr("/ip4/192.0.2.2/tcp/" + std::to_string(i))};
    EXPECT_TRUE(sightings.is_news(peer, next, now));
  }
  EXPECT_TRUE(sightings.is_news(peer, first, now)) << "forgotten";
}

TEST(NetworkInterface, WhatIsLocal) {
  NetworkInterface interface;
  interface.addresses = {{make_address("192.0.2.130"), 25}, {make_address("2001:db8:0:1::1"), 64}};
  EXPECT_TRUE(interface.is_local(make_address("192.0.2.129")));
  EXPECT_TRUE(interface.is_local(make_address("192.0.2.130"))) << "this machine";
  EXPECT_FALSE(interface.is_local(make_address("192.0.2.1")));
  EXPECT_FALSE(interface.is_local(make_address("198.51.100.130")));
  EXPECT_TRUE(interface.is_local(make_address("2001:db8:0:1:ffff::2")));
  EXPECT_FALSE(interface.is_local(make_address("2001:db8:0:2::2")));
  EXPECT_TRUE(interface.is_local(make_address("fe80::77")));
  EXPECT_TRUE(interface.has(make_address("192.0.2.130")));
  EXPECT_FALSE(interface.has(make_address("192.0.2.129")));
}

TEST(NetworkInterface, ThisMachinesCanBeListed) {
  const auto interfaces = list_multicast_interfaces();
  ASSERT_TRUE(interfaces);
  for (const NetworkInterface& interface : *interfaces) {
    EXPECT_FALSE(interface.addresses.empty());
    EXPECT_NE(interface.index, 0u);
  }
}

}  // namespace
}  // namespace libp2p::mdns
