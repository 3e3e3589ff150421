#include "exchange/conduct.h"

#include "multiformats/numbered_peer.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

constexpr auto peer = multiformats::testing::numbered_peer;

class ConductTest : public ::testing::Test {
 protected:
  /// Offences until the peer is banned.
  int until_banned(const PeerId& of, Offence offence, base::Duration apart = 1s) {
    for (int count = 1; count < 10'000; ++count, now_ += apart) {
      if (conduct_.note(of, offence, now_)) return count;
    }
    return 0;
  }

  bool ban(const PeerId& who) {
    conduct_.note(who, Offence::kWrongBytes, now_);
    return conduct_.note(who, Offence::kWrongBytes, now_);
  }

  Conduct conduct_;
  base::TimePoint now_ = base::TimePoint(24h);
};

TEST_F(ConductTest, WhoeverSendsWrongBytesTwiceIsBanned) {
  EXPECT_EQ(until_banned(peer(1), Offence::kWrongBytes), 2) << "one block may have rotted";
  EXPECT_TRUE(conduct_.is_banned(peer(1), now_));
  EXPECT_FALSE(conduct_.is_banned(peer(2), now_));
}

TEST_F(ConductTest, OthersOffencesCountUntilTheyAreTooMany) {
  EXPECT_EQ(until_banned(peer(1), Offence::kRefusedGet), 6);
  EXPECT_EQ(until_banned(peer(2), Offence::kBrokenPromise), 6);
  EXPECT_EQ(until_banned(peer(3), Offence::kFlood, 1ms), 21);
  EXPECT_EQ(until_banned(peer(4), Offence::kBrokenPromise, 10min), 0) << "they fade";
}

TEST_F(ConductTest, WhatHappensAtOnceCountsOnce) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(conduct_.note(peer(1), Offence::kRefusedGet, now_)) << "a peer that has started again";
    EXPECT_FALSE(conduct_.note(peer(1), Offence::kBrokenPromise, now_));
  }
  EXPECT_EQ(until_banned(peer(1), Offence::kRefusedGet, 100ms), 51) << "one a second";
}

TEST_F(ConductTest, ABanIsToldOnceAndEnds) {
  EXPECT_TRUE(ban(peer(1)));
  EXPECT_FALSE(ban(peer(1)));
  conduct_.note_good(peer(1), now_);
  EXPECT_TRUE(conduct_.is_banned(peer(1), now_)) << "nothing makes it good";
  EXPECT_TRUE(conduct_.is_banned(peer(1), now_ + Conduct::kBanTime - 1ns));
  EXPECT_FALSE(conduct_.is_banned(peer(1), now_ + Conduct::kBanTime));
  now_ += Conduct::kBanTime;
  EXPECT_TRUE(ban(peer(1))) << "and may come again";
}

TEST_F(ConductTest, WhatIsGoodMakesUpForWhatWasNot) {
  for (int i = 0; i < 1000; ++i, now_ += 1s) {
    EXPECT_FALSE(conduct_.note(peer(1), Offence::kBrokenPromise, now_));
    for (int good = 0; good < 2; ++good) conduct_.note_good(peer(1), now_);
  }
}

TEST_F(ConductTest, IsBoundedAndForgetsWhoDidLeast) {
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(ban(peer(i)));
  for (std::uint32_t i = 1000; i < 1000 + 2 * Conduct::kPeersMax; ++i) conduct_.note(peer(i), Offence::kFlood, now_);
  EXPECT_LE(conduct_.size(), Conduct::kPeersMax);
  for (std::uint32_t i = 0; i < 100; ++i) EXPECT_TRUE(conduct_.is_banned(peer(i), now_));
}

}  // namespace
}  // namespace kvp2p
