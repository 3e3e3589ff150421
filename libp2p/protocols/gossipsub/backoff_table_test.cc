#include "libp2p/protocols/gossipsub/backoff_table.h"

#include "libp2p/protocols/gossipsub/testing/test_peers.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::peer;
using namespace std::chrono_literals;

constexpr base::TimePoint kStart{};

TEST(GossipsubBackoffTable, TheLaterEndCounts) {
  BackoffTable table(10);
  EXPECT_FALSE(table.until("a", peer(1)));
  table.add("a", peer(1), kStart + 60s);
  table.add("a", peer(1), kStart + 10s);
  EXPECT_EQ(table.until("a", peer(1)), kStart + 60s);
  table.add("a", peer(1), kStart + 90s);
  EXPECT_EQ(table.until("a", peer(1)), kStart + 90s);
  EXPECT_FALSE(table.until("b", peer(1)));
  EXPECT_FALSE(table.until("a", peer(2)));
  EXPECT_EQ(table.size(), 1u);
}

TEST(GossipsubBackoffTable, ForgetsWhatHasEnded) {
  BackoffTable table(10);
  table.add("a", peer(1), kStart + 60s);
  table.add("a", peer(2), kStart + 61s);
  table.forget(kStart + 60s);
  EXPECT_EQ(table.size(), 2u);
  table.forget(kStart + 61s);
  EXPECT_FALSE(table.until("a", peer(1)));
  EXPECT_TRUE(table.until("a", peer(2)));
}

TEST(GossipsubBackoffTable, ThoseThatEndNextGiveWay) {
  BackoffTable table(2);
  table.add("a", peer(1), kStart + 30s);
  table.add("a", peer(2), kStart + 10s);
  table.add("a", peer(3), kStart + 20s);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_FALSE(table.until("a", peer(2)));
  EXPECT_TRUE(table.until("a", peer(1)));
}

}  // namespace
}  // namespace libp2p::gossipsub
