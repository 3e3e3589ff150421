#include "libp2p/protocols/gossipsub/promises.h"

#include "libp2p/protocols/gossipsub/testing/test_peers.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::peer;
using namespace std::chrono_literals;

constexpr base::TimePoint kStart{};

TEST(GossipsubPromises, AreBrokenWhenTheirTimeIsOver) {
  Promises promises;
  promises.add("id", peer(1), kStart + 3s);
  promises.add("other", peer(1), kStart + 3s);
  promises.add("id", peer(2), kStart + 4s);
  EXPECT_TRUE(promises.broken(kStart + 2s).empty());
  const auto broken = promises.broken(kStart + 3s);
  ASSERT_EQ(broken.size(), 1u);
  EXPECT_EQ(broken.at(peer(1)), 2u);
  EXPECT_EQ(promises.size(), 1u);
  EXPECT_EQ(promises.broken(kStart + 4s).at(peer(2)), 1u);
  EXPECT_TRUE(promises.broken(kStart + 100s).empty());
}

TEST(GossipsubPromises, AMessageKeepsAllPromisesOfIt) {
  Promises promises;
  promises.add("id", peer(1), kStart + 3s);
  promises.add("id", peer(2), kStart + 3s);
  promises.kept("id");
  EXPECT_TRUE(promises.broken(kStart + 10s).empty());
}

TEST(GossipsubPromises, AskingAgainDoesNotPutThemOff) {
  Promises promises;
  promises.add("id", peer(1), kStart + 3s);
  promises.add("id", peer(1), kStart + 6s);
  EXPECT_EQ(promises.broken(kStart + 3s).size(), 1u);
}

TEST(GossipsubPromises, ThoseOfAPeerThatHasGoneAreForgotten) {
  Promises promises;
  promises.add("id", peer(1), kStart + 3s);
  promises.add("id", peer(2), kStart + 3s);
  promises.forget(peer(1));
  EXPECT_EQ(promises.size(), 1u);
  EXPECT_FALSE(promises.broken(kStart + 3s).contains(peer(1)));
}

}  // namespace
}  // namespace libp2p::gossipsub
