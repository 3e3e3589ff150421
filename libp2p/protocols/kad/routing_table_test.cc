#include "libp2p/protocols/kad/routing_table.h"

#include "libp2p/protocols/kad/testing/kad_net.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace libp2p::kad {
namespace {

using testing::entry;
using testing::peer;
using testing::seen_private;
using Outcome = RoutingTable::Outcome;

const base::TimePoint kNow{std::chrono::hours(1)};

/// Peers that share no bit with peer 0, so that all are for one bucket.
std::vector<std::uint32_t> far_peers(std::size_t count) {
  std::vector<std::uint32_t> result;
  for (std::uint32_t i = 1; result.size() < count; ++i) {
    if (common_prefix_bits(key_of(peer(0)), key_of(peer(i))) == 0) result.push_back(i);
  }
  return result;
}

TEST(RoutingTableTest, TheClosestAreTheClosestOfAll) {
  RoutingTable table(peer(0), {});
  std::set<std::uint32_t> added;
  for (std::uint32_t i = 1; i < 500; ++i) {
    if (table.add(entry(i), seen_private(), kNow) == Outcome::kAdded) added.insert(i);
  }
  EXPECT_EQ(table.size(), added.size());
  for (std::uint32_t target = 0; target < 50; ++target) {
    const Key key = key_of(peer(target));
    std::map<Key, multiformats::PeerId> sorted;
    for (const std::uint32_t each : added) sorted.emplace(distance(key, key_of(peer(each))), peer(each));
    const auto closest = table.closest(key, 20);
    ASSERT_EQ(closest.size(), 20u);
    auto expected = sorted.begin();
    for (const TablePeer* each : closest) EXPECT_EQ(each->id, (expected++)->second);
  }
  EXPECT_EQ(table.closest(key_of(peer(7)), 1000).size(), added.size());
}

TEST(RoutingTableTest, WeAreNotInIt) {
  RoutingTable table(peer(0), {});
  EXPECT_EQ(table.add(entry(0), seen_private(), kNow), Outcome::kIsSelf);
  EXPECT_EQ(table.size(), 0u);
}

TEST(RoutingTableTest, LivePeersAreNotReplaced) {
  RoutingTable table(peer(0), {});
  const auto peers = far_peers(40);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(table.add(entry(peers[i]), seen_private(), kNow), Outcome::kAdded);
  for (std::size_t i = 20; i < 40; ++i) EXPECT_EQ(table.add(entry(peers[i]), seen_private(), kNow), Outcome::kFull);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_TRUE(table.find(peer(peers[i])));
  EXPECT_EQ(table.size(), 20u);
}

TEST(RoutingTableTest, DeadPeersGiveWayToThoseThatWait) {
  RoutingTable table(peer(0), {});
  const auto peers = far_peers(21);
  for (const std::uint32_t each : peers) table.add(entry(each), seen_private(), kNow);
  EXPECT_FALSE(table.find(peer(peers[20])));
  table.failed(peer(peers[3]));
  EXPECT_FALSE(table.find(peer(peers[3])));
  EXPECT_TRUE(table.find(peer(peers[20])));
  EXPECT_EQ(table.lapsed(), 1u);
}

TEST(RoutingTableTest, OnesThatFailTwiceGoAndAreRemembered) {
  RoutingTable table(peer(0), {});
  table.add(entry(1), seen_private(), kNow);
  table.failed(peer(1));
  table.heard(peer(1), kNow);
  table.failed(peer(1));
  EXPECT_TRUE(table.find(peer(1)));
  table.failed(peer(1));
  EXPECT_FALSE(table.find(peer(1)));
  std::mt19937_64 random(1);
  EXPECT_EQ(testing::ids(table.some_lapsed(4, random)), std::vector{peer(1)});
  table.add(entry(1), seen_private(), kNow);
  EXPECT_EQ(table.lapsed(), 0u);
}

TEST(RoutingTableTest, OnesThatHaveFailedGiveWayToNewOnes) {
  RoutingTable table(peer(0), {});
  const auto peers = far_peers(21);
  for (std::size_t i = 0; i < 20; ++i) table.add(entry(peers[i]), seen_private(), kNow);
  table.failed(peer(peers[5]));
  EXPECT_EQ(table.add(entry(peers[20]), seen_private(), kNow), Outcome::kAdded);
  EXPECT_FALSE(table.find(peer(peers[5])));
  EXPECT_EQ(table.size(), 20u);
}

TEST(RoutingTableTest, NoNetworkFillsABucketOrTheTable) {
  RoutingTable table(peer(0), {.network_bucket_peers_max = 3, .network_table_peers_max = 5});
  const SeenAt seen{.scope = Scope::kPublic, .network = "ab"};
  std::size_t added = 0;
  for (std::uint32_t i = 1; i < 200; ++i) added += table.add(entry(i), seen, kNow) == Outcome::kAdded ? 1 : 0;
  EXPECT_EQ(added, 5u);
  EXPECT_LE(table.bucket_size(0), 3u);
  // Another network is welcome; and one that leaves makes room.
  EXPECT_EQ(table.add(entry(200), {.network = "cd"}, kNow), Outcome::kAdded);
  const auto* one = table.closest(key_of(peer(0)), 1)[0];
  table.remove(one->id);
  added = 0;
  for (std::uint32_t i = 201; i < 400; ++i) added += table.add(entry(i), seen, kNow) == Outcome::kAdded ? 1 : 0;
  EXPECT_LE(added, 1u);
}

TEST(RoutingTableTest, WhoHasNotBeenHeardOfIsKnown) {
  RoutingTable table(peer(0), {});
  table.add(entry(1), seen_private(), kNow);
  table.add(entry(2), seen_private(), kNow + std::chrono::minutes(5));
  EXPECT_EQ(testing::ids(table.not_heard_since(kNow + std::chrono::minutes(1), 10)), std::vector{peer(1)});
  table.heard(peer(1), kNow + std::chrono::minutes(5));
  EXPECT_TRUE(table.not_heard_since(kNow + std::chrono::minutes(1), 10).empty());
}

TEST(RoutingTableTest, WhatIsRememberedIsBounded) {
  RoutingTable table(peer(0), {});
  for (std::uint32_t i = 1; i < 1000; ++i) {
    table.add(entry(i), seen_private(), kNow);
    table.failed(peer(i));
    table.failed(peer(i));
  }
  EXPECT_EQ(table.lapsed(), RoutingTable::kLapsedMax);
}

TEST(KadKeyTest, Distances) {
  Key a;
  Key b;
  EXPECT_EQ(common_prefix_bits(a, b), kKeyBits);
  b.bytes[1] = 0x10;
  EXPECT_EQ(common_prefix_bits(a, b), 11u);
  Key c;
  c.bytes[0] = 0x80;
  EXPECT_TRUE(is_closer(a, b, c));
  EXPECT_FALSE(is_closer(a, c, b));
  EXPECT_FALSE(is_closer(a, c, c));
  EXPECT_TRUE(is_closer(c, c, a));
}

TEST(AddressScopeTest, Scopes) {
  const auto scope = [](const char* text) { return scope_of(multiformats::Multiaddr::from_text(text).value()); };
  for (const char* each :
       {"/ip4/127.0.0.1/tcp/1", "/ip6/::1/tcp/1", "/ip4/0.0.0.0/tcp/1", "/ip6/::ffff:127.0.0.1/tcp/1"}) {
    EXPECT_EQ(scope(each), Scope::kLoopback) << each;
  }
  for (const char* each :
       {"/ip4/10.1.2.3/tcp/1", "/ip4/172.31.0.1/tcp/1", "/ip4/192.168.0.1/tcp/1", "/ip6/fe80::1/tcp/1",
        "/ip6/fd00::1/tcp/1", "/ip4/169.254.1.1/tcp/1", "/ip4/100.64.0.1/tcp/1"}) {
    EXPECT_EQ(scope(each), Scope::kPrivate) << each;
  }
  for (const char* each :
       {"/ip4/172.32.0.1/tcp/1", "/ip4/8.8.8.8/tcp/1", "/ip6/2001:db8::1/tcp/1", "/dns4/a.example/tcp/1"}) {
    EXPECT_EQ(scope(each), Scope::kPublic) << each;
  }
}

TEST(AddressScopeTest, NobodyOnTheInternetNamesAddressesOfOurSite) {
  const auto address = [](const char* text) { return multiformats::Multiaddr::from_text(text).value(); };
  const std::vector all{address("/ip4/127.0.0.1/tcp/1"), address("/ip4/10.0.0.1/tcp/1"), address("/ip4/8.8.8.8/tcp/1")};
  EXPECT_EQ(within(Scope::kLoopback, all).size(), 3u);
  EXPECT_EQ(within(Scope::kPrivate, all).size(), 2u);
  EXPECT_EQ(within(Scope::kPublic, all), std::vector{all[2]});
}

TEST(AddressScopeTest, NetworksOfPublicAddresses) {
  const auto network = [](const char* text) { return network_of(boost::asio::ip::make_address(text)); };
  EXPECT_EQ(network("8.8.1.1"), network("8.8.200.1"));
  EXPECT_NE(network("8.8.1.1"), network("8.9.1.1"));
  EXPECT_EQ(network("2001:db8:1::1"), network("2001:db8:2::1"));
  EXPECT_NE(network("2001:db8::1"), network("2001:db9::1"));
  EXPECT_FALSE(network("10.0.0.1"));
  EXPECT_FALSE(network("::1"));
}

}  // namespace
}  // namespace libp2p::kad
