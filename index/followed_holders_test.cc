#include "index/followed_holders.h"

#include "index/announced_blocks.h"
#include "multiformats/numbered_peer.h"

#include <gtest/gtest.h>

#include <random>
#include <set>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using wire::BlocksChanged;

constexpr auto peer = multiformats::testing::numbered_peer;

class FollowedHoldersTest : public ::testing::Test {
 protected:
  static constexpr wire::Incarnation kLife = {1000, 5};

  GossipVerdict changed(std::uint64_t sequence, std::vector<KeyPrefix> stored, std::vector<KeyPrefix> evicted = {},
                        bool cleared = false, wire::Incarnation life = kLife) {
    return followed_.on_changed(source_, {life, sequence, cleared, std::move(evicted), std::move(stored)}, now_);
  }
  GossipVerdict digest_of(const AnnouncedBlocks& theirs) {
    return followed_.on_digest(source_, theirs.digest(10'000), now_);
  }
  /// Until there is no question left; how many there were.
  int repair_from(const AnnouncedBlocks& theirs) {
    int questions = 0;
    while (auto question = followed_.next_question(source_)) {
      ++questions;
      wire::Announcement answer;
      if (const auto* sums = std::get_if<wire::SumsWanted>(&*question)) answer = theirs.answer(*sums);
      if (const auto* parts = std::get_if<wire::PartsWanted>(&*question)) answer = theirs.answer(*parts);
      // As it would come over a wire.
      auto decoded = wire::decode_announcement(wire::encode_announcement(answer));
      EXPECT_TRUE(decoded && followed_.on_answer(source_, *decoded));
    }
    return questions;
  }
  std::set<KeyPrefix> known() const {
    std::set<KeyPrefix> all;
    if (const auto* blocks = index_.blocks_of(source_)) blocks->for_each([&](KeyPrefix p) { all.insert(p); });
    return all;
  }
  using Keys = std::set<KeyPrefix>;

  BlockIndex index_{1'000'000};
  FollowedHolders followed_{index_};
  const BlockIndex::Source source_{peer(1), Fingerprint{}};
  base::TimePoint now_{};
};

TEST_F(FollowedHoldersTest, ChangesAreAppliedOnce) {
  EXPECT_EQ(changed(1, {1, 2, 3}), GossipVerdict::kAccept);
  EXPECT_EQ(changed(2, {4}, {1}), GossipVerdict::kAccept);
  EXPECT_EQ(changed(1, {1, 2, 3}), GossipVerdict::kIgnore) << "seen";
  EXPECT_EQ(changed(2, {9}), GossipVerdict::kIgnore);
  EXPECT_EQ(known(), (Keys{2, 3, 4}));
  EXPECT_EQ(changed(3, {7}, {}, true), GossipVerdict::kAccept);
  EXPECT_EQ(known(), (Keys{7})) << "cleared counts before stored";
}

TEST_F(FollowedHoldersTest, LateOnesAreTakenWithinAWindow) {
  changed(1, {1});
  changed(100, {100});
  EXPECT_EQ(changed(99, {99}), GossipVerdict::kAccept);
  EXPECT_EQ(changed(99, {98}), GossipVerdict::kIgnore);
  EXPECT_EQ(changed(36, {36}), GossipVerdict::kAccept);
  EXPECT_EQ(changed(35, {35}), GossipVerdict::kIgnore) << "too late";
  EXPECT_EQ(changed(98, {}, {}, true), GossipVerdict::kAccept);
  EXPECT_EQ(known(), (Keys{1, 100, 99, 36})) << "what came later was not cleared";
}

TEST_F(FollowedHoldersTest, AnEarlierLifeIsNotListenedTo) {
  changed(5, {1, 2});
  EXPECT_EQ(changed(1, {3}, {}, false, {2000, 9}), GossipVerdict::kAccept);
  EXPECT_EQ(known(), (Keys{3}));
  EXPECT_EQ(changed(6, {4}), GossipVerdict::kIgnore) << "replayed";
  EXPECT_EQ(followed_.on_digest(source_, {kLife, 6, 0, 0, 1000}, now_), GossipVerdict::kIgnore);
  EXPECT_EQ(known(), (Keys{3}));
}

TEST_F(FollowedHoldersTest, ADigestThatFitsAsksForNothing) {
  AnnouncedBlocks theirs(kLife);
  theirs.stored(1);
  theirs.stored(2);
  for (auto& message : theirs.take_changes()) followed_.on_changed(source_, message, now_);
  digest_of(theirs);
  EXPECT_FALSE(followed_.needs_repair(source_));
  EXPECT_FALSE(followed_.next_question(source_));
}

TEST_F(FollowedHoldersTest, WhatWasMissedIsAskedForAndNothingElse) {
  std::mt19937_64 random(1);
  AnnouncedBlocks theirs(kLife);
  std::set<KeyPrefix> held;
  // Enough for parts, and for kept sums.
  for (int i = 0; i < 100'000; ++i) {
    const KeyPrefix prefix = random();
    theirs.stored(prefix);
    held.insert(prefix);
  }
  for (auto& message : theirs.take_changes()) followed_.on_changed(source_, message, now_);
  EXPECT_EQ(known(), held);
  for (int i = 0; i < 10; ++i) {
    theirs.stored(random());
    theirs.evicted(*held.begin());
    held.erase(held.begin());
  }
  theirs.take_changes();  // lost
  digest_of(theirs);
  ASSERT_TRUE(followed_.needs_repair(source_));
  EXPECT_EQ(repair_from(theirs), 2) << "sums, and one question for the parts that differ";
  digest_of(theirs);
  EXPECT_FALSE(followed_.needs_repair(source_));
}

TEST_F(FollowedHoldersTest, WhoHasMissedEverythingGetsItInBoundedPieces) {
  std::mt19937_64 random(2);
  AnnouncedBlocks theirs(kLife);
  for (int i = 0; i < 300'000; ++i) theirs.stored(random());
  theirs.take_changes();
  digest_of(theirs);
  const int questions = repair_from(theirs);
  EXPECT_GT(questions, 4);
  EXPECT_LE(questions, static_cast<int>(FollowedHolders::kQuestionsMax));
  digest_of(theirs);
  EXPECT_FALSE(followed_.needs_repair(source_));
  EXPECT_EQ(index_.pairs(), 300'000u);
}

TEST_F(FollowedHoldersTest, WhatComesDuringARepairIsNotLost) {
  AnnouncedBlocks theirs(kLife);
  theirs.stored(1);
  theirs.take_changes();
  digest_of(theirs);
  auto sums = followed_.next_question(source_);
  ASSERT_TRUE(followed_.on_answer(source_, theirs.answer(std::get<wire::SumsWanted>(*sums))));
  auto parts = followed_.next_question(source_);
  const auto answer = theirs.answer(std::get<wire::PartsWanted>(*parts));
  theirs.stored(2);
  for (auto& message : theirs.take_changes()) followed_.on_changed(source_, message, now_);
  ASSERT_TRUE(followed_.on_answer(source_, answer));
  EXPECT_EQ(known(), (Keys{1, 2}));
}

TEST_F(FollowedHoldersTest, UselessAnswersEndTheRepair) {
  AnnouncedBlocks theirs(kLife), other({1000, 6});
  theirs.stored(1);
  other.stored(2);
  theirs.take_changes();
  other.take_changes();
  const auto begin = [&] {
    digest_of(theirs);
    return std::get<wire::SumsWanted>(followed_.next_question(source_).value());
  };
  begin();
  EXPECT_FALSE(followed_.on_answer(source_, wire::Sums{kLife, 1, 1, {0, 0}})) << "other bits";
  begin();
  EXPECT_FALSE(followed_.on_answer(source_, other.answer(wire::SumsWanted{0}))) << "another life";
  begin();
  EXPECT_FALSE(followed_.on_answer(source_, wire::BlocksDigest{})) << "no answer at all";
  begin();
  ASSERT_TRUE(followed_.on_answer(source_, theirs.answer(wire::SumsWanted{0})));
  ASSERT_TRUE(followed_.next_question(source_));
  EXPECT_FALSE(followed_.on_answer(source_, wire::Parts{kLife, 1, 0, {}, {}, {}})) << "nothing of what was asked for";
  EXPECT_FALSE(followed_.next_question(source_)) << "until the next digest";
  EXPECT_FALSE(followed_.on_answer(source_, theirs.answer(wire::SumsWanted{0}))) << "nobody has asked";
  EXPECT_TRUE(known().empty());
}

TEST_F(FollowedHoldersTest, WhoNeverConfirmsIsForgotten) {
  AnnouncedBlocks theirs(kLife);
  theirs.stored(1);
  theirs.take_changes();
  changed(1, {5, 6});
  for (unsigned i = 0; i < FollowedHolders::kUnconfirmedMax; ++i) {
    digest_of(theirs);
    ASSERT_TRUE(followed_.next_question(source_));
    followed_.end_repair(source_);  // no answer
    EXPECT_EQ(known(), (Keys{5, 6}));
  }
  digest_of(theirs);
  EXPECT_TRUE(known().empty());
}

TEST_F(FollowedHoldersTest, TheSilentAreForgotten) {
  changed(1, {1});
  AnnouncedBlocks theirs(kLife);
  theirs.stored(1);
  theirs.take_changes();
  digest_of(theirs);
  now_ += 60s;
  followed_.expire(now_);
  EXPECT_EQ(followed_.size(), 1u);
  now_ += 1ms;
  followed_.expire(now_);
  EXPECT_EQ(followed_.size(), 0u);
  EXPECT_EQ(index_.pairs(), 0u);
}

TEST_F(FollowedHoldersTest, AnIndexThatIsFullDoesNotAskForWhatItDropped) {
  BlockIndex small(10);
  FollowedHolders followed(small);
  AnnouncedBlocks theirs(kLife);
  for (KeyPrefix i = 0; i < 20; ++i) theirs.stored(i << 50);
  for (auto& message : theirs.take_changes()) followed.on_changed(source_, message, now_);
  followed.on_digest(source_, theirs.digest(1000), now_);
  EXPECT_FALSE(followed.needs_repair(source_));
  EXPECT_EQ(small.pairs(), 10u);
}

TEST_F(FollowedHoldersTest, HoldersAreBounded) {
  FollowedHolders followed(index_, 2);
  for (std::uint8_t i = 0; i < 5; ++i) {
    const BlocksChanged message{kLife, 1, false, {}, {i}};
    EXPECT_EQ(followed.on_changed({peer(i)}, message, now_), i < 2 ? GossipVerdict::kAccept : GossipVerdict::kIgnore);
  }
  EXPECT_EQ(followed.size(), 2u);
  EXPECT_EQ(index_.pairs(), 2u);
}

}  // namespace
}  // namespace kvp2p
