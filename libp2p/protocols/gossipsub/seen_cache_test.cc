#include "libp2p/protocols/gossipsub/seen_cache.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using namespace std::chrono_literals;

constexpr base::TimePoint kStart{};

TEST(GossipsubSeenCache, KeepsAnIdForItsTime) {
  SeenCache cache(120s, 10);
  cache.add("a", kStart);
  EXPECT_TRUE(cache.contains("a"));
  EXPECT_EQ(cache.find("a")->state, SeenCache::State::kValidating);
  EXPECT_EQ(cache.find("b"), nullptr);
  cache.expire(kStart + 119s);
  EXPECT_TRUE(cache.contains("a"));
  cache.expire(kStart + 120s);
  EXPECT_FALSE(cache.contains("a"));
}

TEST(GossipsubSeenCache, TheOldestGivesWay) {
  SeenCache cache(120s, 3);
  for (const char* id : {"a", "b", "c", "d"}) cache.add(id, kStart);
  EXPECT_EQ(cache.size(), 3u);
  EXPECT_FALSE(cache.contains("a"));
  EXPECT_TRUE(cache.contains("d"));
  cache.expire(kStart + 120s);
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace libp2p::gossipsub
