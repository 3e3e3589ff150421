#include "provider/dht_prefixes.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using Action = DhtPrefixes::Action;

BlockKey key(std::uint8_t number) {
  BlockKey made;
  made.bytes[0] = number;
  return made;
}

class DhtPrefixesTest : public ::testing::Test {
 protected:
  DhtPrefixes prefixes_{2, 1min};
  base::TimePoint now_{};
};

TEST_F(DhtPrefixesTest, WhatIsHereIsProvidedOnce) {
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kHere, now_).action, Action::kProvide);
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kHere, now_).action, Action::kNone);
  EXPECT_EQ(prefixes_.stored(key(1)), Action::kNone);
}

TEST_F(DhtPrefixesTest, WhatIsNowhereIsLookedForAndProvidedOnceItIsHere) {
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kNowhere, now_).action, Action::kSearch);
  EXPECT_EQ(prefixes_.stored(key(1)), Action::kProvide);
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kHere, now_).action, Action::kNone);
}

TEST_F(DhtPrefixesTest, TheSameIsNotLookedForAllTheTime) {
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kNowhere, now_).action, Action::kSearch);
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kNowhere, now_ + 59s).action, Action::kNone);
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kNowhere, now_ + 60s).action, Action::kSearch);
}

TEST_F(DhtPrefixesTest, WhatPeersAreKnownToHaveIsNotLookedFor) {
  EXPECT_EQ(prefixes_.asked(key(1), PrefixAt::kAtPeers, now_).action, Action::kNone);
  EXPECT_EQ(prefixes_.stored(key(1)), Action::kProvide);
}

TEST_F(DhtPrefixesTest, BlocksThatNobodyAskedForAsAFirstOneAreNotProvided) {
  EXPECT_EQ(prefixes_.stored(key(1)), Action::kNone);
  EXPECT_FALSE(prefixes_.dropped(key(1)));
}

TEST_F(DhtPrefixesTest, WhatIsDroppedIsWithdrawnAndMayComeBack) {
  (void)prefixes_.asked(key(1), PrefixAt::kHere, now_);
  EXPECT_TRUE(prefixes_.dropped(key(1)));
  EXPECT_FALSE(prefixes_.dropped(key(1)));
  EXPECT_EQ(prefixes_.stored(key(1)), Action::kProvide);
}

TEST_F(DhtPrefixesTest, TheOneAskedForLongestAgoMakesRoom) {
  (void)prefixes_.asked(key(1), PrefixAt::kHere, now_);
  (void)prefixes_.asked(key(2), PrefixAt::kHere, now_);
  (void)prefixes_.asked(key(1), PrefixAt::kHere, now_);
  EXPECT_EQ(prefixes_.asked(key(3), PrefixAt::kNowhere, now_).withdrawn, key(2));
  EXPECT_EQ(prefixes_.asked(key(4), PrefixAt::kNowhere, now_).withdrawn, key(1));
  EXPECT_EQ(prefixes_.asked(key(5), PrefixAt::kNowhere, now_).withdrawn, std::nullopt);  // 3 was not provided
  EXPECT_EQ(prefixes_.size(), 2u);
}

}  // namespace
}  // namespace kvp2p
