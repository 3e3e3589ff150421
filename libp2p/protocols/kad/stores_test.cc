#include "libp2p/protocols/kad/provider_store.h"
#include "libp2p/protocols/kad/record_store.h"
#include "libp2p/protocols/kad/testing/kad_net.h"

#include <gtest/gtest.h>

namespace libp2p::kad {
namespace {

using namespace std::chrono_literals;
using testing::bytes;
using testing::entry;
using testing::ids;
using testing::peer;

constexpr base::TimePoint kNow{1h};

PeerEntry public_entry(std::uint32_t number, std::uint32_t network) {
  const boost::asio::ip::address_v4 address((network << 16) + number);
  return {peer(number), {multiformats::Multiaddr::from_ip_tcp(address, 4001)}};
}

TEST(ProviderStoreTest, ProvidersAreKeptUntilTheyExpire) {
  ProviderStore store({.ttl = 48h});
  EXPECT_TRUE(store.add(bytes("a"), entry(1), kNow));
  EXPECT_TRUE(store.add(bytes("a"), entry(2), kNow + 1h));
  EXPECT_TRUE(store.add(bytes("b"), entry(1), kNow));
  EXPECT_EQ(ids(store.of(bytes("a"), kNow + 47h, 10)), (std::vector{peer(2), peer(1)}));
  EXPECT_EQ(ids(store.of(bytes("a"), kNow + 48h, 10)), std::vector{peer(2)});
  store.expire(kNow + 48h);
  EXPECT_EQ(store.size(), 1u);
  EXPECT_EQ(store.key_count(), 1u);
}

TEST(ProviderStoreTest, ToldAgainIsKeptLonger) {
  ProviderStore store({.ttl = 48h});
  store.add(bytes("a"), entry(1), kNow);
  store.add(bytes("a"), entry(1), kNow + 24h);
  EXPECT_EQ(store.size(), 1u);
  EXPECT_EQ(store.of(bytes("a"), kNow + 71h, 10).size(), 1u);
  EXPECT_TRUE(store.of(bytes("a"), kNow + 72h, 10).empty());
}

TEST(ProviderStoreTest, EverythingIsBounded) {
  ProviderStore store({.providers_max = 100, .per_key_max = 10, .keys_per_provider_max = 20});
  for (std::uint32_t i = 0; i < 50; ++i) store.add(bytes("a"), entry(i), kNow);
  EXPECT_EQ(store.size(), 10u);
  for (int i = 0; i < 50; ++i) store.add(bytes("key " + std::to_string(i)), entry(1000), kNow);
  EXPECT_EQ(store.size(), 30u);
  for (std::uint32_t i = 0; i < 500; ++i) store.add(bytes("other " + std::to_string(i)), entry(2000 + i), kNow);
  EXPECT_EQ(store.size(), 100u);
  store.expire(kNow + 1000h);
  EXPECT_EQ(store.size(), 0u);
  EXPECT_TRUE(store.add(bytes("a"), entry(1000), kNow));
}

TEST(ProviderStoreTest, OneNetworkDoesNotKeepOthersOut) {
  ProviderStore store({.per_key_max = 10});
  for (std::uint32_t i = 0; i < 50; ++i) store.add(bytes("a"), public_entry(i, 0x0808), kNow);
  EXPECT_TRUE(store.add(bytes("a"), public_entry(100, 0x0909), kNow));
  EXPECT_EQ(store.size(), 10u);
  const auto providers = ids(store.of(bytes("a"), kNow, 10));
  EXPECT_EQ(providers.front(), peer(100));
  EXPECT_FALSE(store.add(bytes("a"), public_entry(101, 0x0808), kNow));
}

TEST(RecordStoreTest, ValuesAreKeptUntilTheyExpire) {
  RecordStore store({.ttl = 48h});
  EXPECT_TRUE(store.put({bytes("a"), bytes("1")}, kNow));
  EXPECT_TRUE(store.put({bytes("a"), bytes("22")}, kNow + 1h));
  ASSERT_TRUE(store.find(bytes("a"), kNow + 48h));
  EXPECT_EQ(store.find(bytes("a"), kNow + 48h)->value, bytes("22"));
  EXPECT_FALSE(store.find(bytes("a"), kNow + 49h));
  EXPECT_EQ(store.size(), 1u);
  store.expire(kNow + 49h);
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.bytes(), 0u);
}

TEST(RecordStoreTest, NumberAndBytesAreBounded) {
  RecordStore few({.records_max = 2});
  EXPECT_TRUE(few.put({bytes("a"), bytes("1")}, kNow));
  EXPECT_TRUE(few.put({bytes("b"), bytes("1")}, kNow));
  EXPECT_FALSE(few.put({bytes("c"), bytes("1")}, kNow));
  EXPECT_TRUE(few.put({bytes("a"), bytes("2")}, kNow));
  RecordStore small({.bytes_max = 100});
  EXPECT_TRUE(small.put({bytes("a"), base::Bytes(80)}, kNow));
  EXPECT_FALSE(small.put({bytes("b"), base::Bytes(80)}, kNow));
  EXPECT_TRUE(small.put({bytes("a"), base::Bytes(90)}, kNow));
  EXPECT_FALSE(small.put({bytes("a"), base::Bytes(101)}, kNow));
  EXPECT_EQ(small.bytes(), 92u);
}

}  // namespace
}  // namespace libp2p::kad
