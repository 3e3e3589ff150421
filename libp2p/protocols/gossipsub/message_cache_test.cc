#include "libp2p/protocols/gossipsub/message_cache.h"

#include "libp2p/protocols/gossipsub/testing/test_peers.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::message;
using testing::peer;

constexpr std::size_t kPlenty = 1 << 20;

TEST(GossipsubMessageCache, TellsOfTheLastWindowsAndKeepsMore) {
  MessageCache cache(5, 3, kPlenty);
  const auto first = message(1, 1);
  cache.put(first);
  cache.put(first);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.gossip_ids("topic"), (std::vector<MessageId>{first->id}));
  EXPECT_TRUE(cache.gossip_ids("other").empty());
  cache.shift();
  const auto second = message(1, 2);
  cache.put(second);
  EXPECT_EQ(cache.gossip_ids("topic"), (std::vector<MessageId>{second->id, first->id}));
  cache.shift();
  cache.shift();
  // The first is in the fourth window now.
  EXPECT_EQ(cache.gossip_ids("topic"), (std::vector<MessageId>{second->id}));
  EXPECT_EQ(cache.get(first->id), first);
  cache.shift();
  EXPECT_EQ(cache.get(first->id), first);
  cache.shift();
  EXPECT_EQ(cache.get(first->id), nullptr);
  EXPECT_EQ(cache.get(second->id), second);
  cache.shift();
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(GossipsubMessageCache, GivesAPeerTheSameMessageSoOftenOnly) {
  MessageCache cache(5, 3, kPlenty);
  const auto sent = message(1, 1);
  cache.put(sent);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(cache.get_for_peer(sent->id, peer(2), 3), sent);
  EXPECT_EQ(cache.get_for_peer(sent->id, peer(2), 3), nullptr);
  EXPECT_EQ(cache.get_for_peer(sent->id, peer(3), 3), sent);
  EXPECT_EQ(cache.get_for_peer("unknown", peer(3), 3), nullptr);
}

TEST(GossipsubMessageCache, TheOldestGiveWayToBytes) {
  const std::string data(1000, 'x');
  MessageCache cache(5, 3, 10'000);
  for (std::uint64_t i = 0; i < 100; ++i) {
    cache.put(message(1, i, "topic", data));
    if (i % 7 == 0) cache.shift();
    EXPECT_LE(cache.bytes(), 10'000u);
  }
  EXPECT_GT(cache.size(), 2u);
  EXPECT_NE(cache.get(message(1, 99, "topic", data)->id), nullptr);
  EXPECT_EQ(cache.get(message(1, 80, "topic", data)->id), nullptr);
  // One that would not fit alone is not kept, and nothing goes for it.
  const std::size_t before = cache.size();
  cache.put(message(1, 1000, "topic", std::string(20'000, 'x')));
  EXPECT_EQ(cache.size(), before);
}

}  // namespace
}  // namespace libp2p::gossipsub
