#include "direct/ticket_table.h"

#include "direct/limits.h"
#include "direct/testing/direct_pair.h"

namespace kvp2p::direct {
namespace {

using testing::test_peer;

TEST(TicketTable, ANonceIsGoodOnceAndNamesItsPeer) {
  TicketTable table;
  const base::TimePoint now{};
  const auto nonce = table.issue(test_peer(1), now);
  EXPECT_NE(nonce, table.issue(test_peer(2), now));
  auto wrong = nonce;
  wrong[31] ^= 1;
  EXPECT_FALSE(table.take(wrong, now));
  EXPECT_EQ(table.take(nonce, now), test_peer(1));
  EXPECT_FALSE(table.take(nonce, now));
}

TEST(TicketTable, ANonceExpires) {
  TicketTable table;
  const auto nonce = table.issue(test_peer(1), {});
  EXPECT_FALSE(table.take(nonce, base::TimePoint() + kDirectTicketLife));
  EXPECT_EQ(table.size(), 0u);
}

TEST(TicketTable, APeerThatAsksOftenPushesOutItsOwn) {
  TicketTable table;
  const auto other = table.issue(test_peer(2), {});
  const auto first = table.issue(test_peer(1), {});
  for (int i = 0; i < 1000; ++i) table.issue(test_peer(1), {});
  EXPECT_EQ(table.size(), kDirectTicketsPerPeerMax + 1);
  EXPECT_FALSE(table.take(first, {}));
  EXPECT_TRUE(table.take(other, {}));
}

}  // namespace
}  // namespace kvp2p::direct
