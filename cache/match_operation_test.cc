#include "cache/match_operation.h"

#include "cache/testing/cache_fixture.h"
#include "exchange/exchange_error.h"

#include <set>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;

class MatchOperationTest : public testing::CacheTest {
 protected:
  MatchId start_match(std::size_t blocks = kBlocks, base::Duration time = 2s) {
    const MatchId match = manager_->match(request(blocks, time));
    settle();
    return match;
  }
};

TEST_F(MatchOperationTest, NothingAnywhereIsDecidedAtOnce) {
  const MatchStatus status = status_of(start_match());
  EXPECT_FALSE(status.pending);
  EXPECT_EQ(status.blocks, 0u);
  EXPECT_EQ(exchange_->lookups, 0u);
}

TEST_F(MatchOperationTest, WhatIsHereNeedsNoPeer) {
  put_blocks(0, kBlocks);
  add_peer(0, kBlocks);
  const MatchStatus status = status_of(start_match());
  EXPECT_EQ(status.blocks, kBlocks);
  EXPECT_EQ(status.sources[0], Source::kLocal);
  EXPECT_EQ(exchange_->lookups, 0u);
}

TEST_F(MatchOperationTest, HereAndSeveralPeersTogether) {
  put_blocks(0, 3);
  add_peer(2, 7);
  add_peer(6, kBlocks - 1);
  const MatchStatus status = status_of(start_match());
  EXPECT_EQ(status.blocks, kBlocks - 1);
  EXPECT_EQ(status.sources[2], Source::kLocal);
  EXPECT_EQ(status.sources[3], Source::kPeer);
  EXPECT_EQ(status.sources[10], Source::kPeer);
  EXPECT_EQ(status.sources[11], Source::kNone);
  EXPECT_FALSE(status.present[11]);
}

TEST_F(MatchOperationTest, PeersThatTheIndexDoesNotKnowAreAskedToo) {
  add_peer(0, 5, /*indexed=*/false);
  EXPECT_EQ(status_of(start_match()).blocks, 5u);
}

TEST_F(MatchOperationTest, NotEveryUnknownPeerIsAsked) {
  for (std::size_t i = 0; i < 3 * kUnknownPeersMax; ++i) add_peer(0, 0, false);
  start_match();
  EXPECT_EQ(exchange_->lookups, kUnknownPeersMax);
}

TEST_F(MatchOperationTest, BlocksAfterAGapAreReportedButNotCounted) {
  add_peer(0, 4);
  put_blocks(6, 9);
  const MatchStatus status = status_of(start_match());
  EXPECT_EQ(status.blocks, 4u);
  EXPECT_FALSE(status.present[5]);
  EXPECT_TRUE(status.present[7]);
}

// More who announce everything and have nothing than are asked at a time.
TEST_F(MatchOperationTest, ThoseWhoPromiseFalselyMakeWayForWhoHasTheBlocks) {
  // Of connected peers that the index does not put first, those of the lowest ids are asked too: the one that has the
  // blocks is the last in the index and in that order, so that nothing but what is believed brings it forward.
  std::set<multiformats::PeerId> peers;
  while (peers.size() <= 3 * kIndexedPeersMax) peers.insert(add_peer(0, kBlocks, /*indexed=*/false));
  for (const auto& peer : peers) {
    index_.stored(peer, 1, keys_);
    if (peer != *peers.rbegin()) exchange_->scripts[peer].keys.clear();
  }
  const auto found = [&] {
    const MatchId match = start_match();
    const std::size_t blocks = status_of(match).blocks;
    manager_->release(match);
    settle();
    return blocks;
  };
  EXPECT_EQ(found(), 0u);
  int matches = 1;
  while (found() == 0) ASSERT_LT(++matches, 6);
  const std::size_t before = exchange_->lookups;
  EXPECT_EQ(found(), kBlocks);
  EXPECT_LE(exchange_->lookups - before, kIndexedPeersMax + kUnknownPeersMax);
}

TEST_F(MatchOperationTest, HolderThatThereIsNoSessionWithIsReached) {
  const auto far = testing::new_peer_id();
  far_peers_[far].keys = {keys_.begin(), keys_.end()};
  index_.stored(far, 1, keys_);
  EXPECT_EQ(status_of(start_match()).blocks, kBlocks);
}

TEST_F(MatchOperationTest, HoldersThatCannotBeReachedDoNotHoldUpAMatchAndComeLastAfterwards) {
  for (std::size_t i = 0; i < 3 * kIndexedPeersMax; ++i) index_.stored(testing::new_peer_id(), 1, keys_);
  add_peer(0, 3);
  EXPECT_EQ(status_of(start_match()).blocks, 3u);
  EXPECT_EQ(index_.holders(keys_, 0, 100).size(), 3 * kIndexedPeersMax + 1);
}

TEST_F(MatchOperationTest, TellsWhereAPromptsFirstBlockIs) {
  const auto match_once = [&] { manager_->release(start_match()); };
  match_once();
  add_peer(0, 3);
  match_once();
  put_blocks(0, 1);
  match_once();
  const std::vector<std::pair<BlockKey, PrefixAt>> told = {
      {keys_[0], PrefixAt::kNowhere}, {keys_[0], PrefixAt::kAtPeers}, {keys_[0], PrefixAt::kHere}};
  EXPECT_EQ(prefixes_, told);
}

TEST_F(MatchOperationTest, SilentPeerThatPromisedIsWaitedForUntilTheDeadline) {
  exchange_->scripts[add_peer(0, kBlocks)].silent = true;
  const MatchId match = start_match();
  EXPECT_TRUE(status_of(match).pending);
  advance(1900ms);
  EXPECT_TRUE(status_of(match).pending);
  advance(200ms);
  const MatchStatus status = status_of(match);
  EXPECT_FALSE(status.pending);
  EXPECT_EQ(status.blocks, 0u);
  EXPECT_NE(status.reason.find("did not answer in time"), std::string::npos) << status.reason;
}

TEST_F(MatchOperationTest, PeerThatLetADeadlinePassIsNotWaitedForAtLengthAgain) {
  exchange_->scripts[add_peer(0, kBlocks)].silent = true;
  start_match();
  advance(2s);
  const MatchId again = start_match(kBlocks - 1);
  advance(1s);
  EXPECT_FALSE(status_of(again).pending);
  exchange_->answer_silent();
  EXPECT_EQ(status_of(start_match(kBlocks - 2)).blocks, kBlocks - 2) << "it is asked all the same";
}

TEST_F(MatchOperationTest, SilentPeerOfUnknownHoldingsIsNotWaitedForUntilTheDeadline) {
  add_peer(0, 3);
  exchange_->scripts[add_peer(0, 0, false)].silent = true;
  const MatchId match = start_match(kBlocks, 10s);
  EXPECT_TRUE(status_of(match).pending);
  advance(1s);
  EXPECT_EQ(status_of(match).blocks, 3u);
}

TEST_F(MatchOperationTest, SilentPeerThatCannotDoBetterIsNotWaitedFor) {
  add_peer(0, kBlocks - 2);
  exchange_->scripts[add_peer(0, 4)].silent = true;
  EXPECT_EQ(status_of(start_match()).blocks, kBlocks - 2);
}

TEST_F(MatchOperationTest, LateAnswerIsKeptInReserveUntilTheMatchIsReleased) {
  add_peer(0, kBlocks);
  exchange_->scripts[add_peer(0, kBlocks)].silent = true;
  const MatchId match = start_match();
  EXPECT_EQ(status_of(match).blocks, kBlocks);
  EXPECT_EQ(exchange_->live_leases.size(), 1u);
  exchange_->answer_silent();
  settle();
  EXPECT_EQ(exchange_->live_leases.size(), 2u);
  manager_->release(match);
  settle();
  EXPECT_TRUE(exchange_->live_leases.empty());
}

TEST_F(MatchOperationTest, LeaseOfAnAnswerAfterTheReleaseIsGivenBack) {
  exchange_->scripts[add_peer(0, kBlocks)].silent = true;
  const MatchId match = start_match();
  manager_->release(match);
  settle();
  exchange_->answer_silent();
  settle();
  EXPECT_TRUE(exchange_->live_leases.empty());
}

TEST_F(MatchOperationTest, ReasonsOfPeersArePassedOn) {
  exchange_->scripts[add_peer(0, 0, false)].reason = "model differs in kv_element (here f32, asked bf16)";
  exchange_->scripts[add_peer(0, 0, false)].lookup_outcome = ExchangeError::kNotAuthorised;
  const MatchStatus status = status_of(start_match());
  EXPECT_NE(status.reason.find("kv_element"), std::string::npos) << status.reason;
  EXPECT_NE(status.reason.find("authorised"), std::string::npos) << status.reason;
}

TEST_F(MatchOperationTest, EqualRequestsJoinAndEachHasItsRelease) {
  exchange_->scripts[add_peer(0, kBlocks)].silent = true;
  const MatchId first = start_match(), second = start_match();
  EXPECT_EQ(first, second);
  EXPECT_EQ(exchange_->lookups, 1u);
  EXPECT_NE(start_match(kBlocks - 1), first);
  manager_->release(first);
  settle();
  exchange_->answer_silent();
  settle();
  EXPECT_EQ(status_of(second).blocks, kBlocks);
  manager_->release(second);
  settle();
  EXPECT_FALSE(manager_->find(second));
  EXPECT_NE(start_match(), first) << "ids are never used again";
}

TEST_F(MatchOperationTest, PinsAndLeasesEndAMinuteAfterTheDecision) {
  put_blocks(0, 2);
  add_peer(2, kBlocks);
  const MatchId match = start_match();
  EXPECT_EQ(exchange_->live_leases.size(), 1u);
  advance(kMatchLife);
  EXPECT_TRUE(exchange_->live_leases.empty());
  EXPECT_EQ(manager_->get(get_request(match, 2)).error(), KvError::kMatchExpired);
}

TEST_F(MatchOperationTest, HitOnlyIfEveryShardIsThere) {
  put_blocks(0, kBlocks);
  MatchRequest both = request();
  ObjectFormat other = both.shards[0];
  other.shard.head_begin = 2;
  other.shard.head_end = 4;
  both.shards.push_back(other);
  const MatchId match = manager_->match(both);
  settle();
  EXPECT_EQ(status_of(match).blocks, 0u);
  // A peer holds every shard of the first five.
  add_peer(0, 5);
  both.keys.resize(7);
  const MatchId again = manager_->match(both);
  settle();
  EXPECT_EQ(status_of(again).blocks, 5u);
  EXPECT_EQ(status_of(again).sources[0], Source::kPeer);
}

TEST_F(MatchOperationTest, BadRequestsAreDecidedWithAReason) {
  MatchRequest none = request();
  none.shards.clear();
  const MatchStatus status = status_of(manager_->match(none));
  EXPECT_FALSE(status.pending);
  EXPECT_NE(status.reason.find("bad request"), std::string::npos);
  MatchRequest invalid = request();
  invalid.shards[0].head_dim = 0;
  EXPECT_FALSE(status_of(manager_->match(invalid)).pending);
}

TEST_F(MatchOperationTest, StoppingDecidesWhatIsPending) {
  exchange_->scripts[add_peer(0, kBlocks)].silent = true;
  const MatchId match = start_match();
  manager_->stop();
  EXPECT_FALSE(status_of(match).pending);
  const MatchStatus late = status_of(manager_->match(request(3)));
  EXPECT_NE(late.reason.find("stopping"), std::string::npos);
  exchange_->answer_silent();
}

class AdvisedMatchTest : public MatchOperationTest {
 protected:
  void measured(const multiformats::PeerId& peer, std::size_t bytes_per_second) {
    for (int i = 0; i < 3; ++i) {
      manager_->peer_estimates().add(peer, PeerPath::kNetwork, bytes_per_second, 0s, 1s, clock_.now());
    }
  }
};

TEST_F(AdvisedMatchTest, FasterPeerThatHasYetToAnswerIsWaitedForBeforeAllIsComputed) {
  const auto slow = add_peer(0, kBlocks);
  const auto fast = add_peer(0, kBlocks);
  exchange_->scripts[fast].silent = true;
  measured(slow, 1000);
  measured(fast, 1'000'000'000);
  manager_->report_prefill(fingerprint_, 1000, 0, 1s);
  const MatchId match = manager_->match(request());
  settle();
  EXPECT_TRUE(status_of(match).pending);
  exchange_->answer_silent();
  settle();
  EXPECT_FALSE(status_of(match).pending);
  EXPECT_EQ(status_of(match).worth_fetching, kBlocks) << status_of(match).decision;
}

TEST_F(AdvisedMatchTest, NobodyIsWaitedForLongerThanComputingTakes) {
  const auto slow = add_peer(0, kBlocks);
  const auto fast = add_peer(0, kBlocks);
  exchange_->scripts[fast].silent = true;
  measured(slow, 1000);
  measured(fast, 1'000'000'000);
  manager_->report_prefill(fingerprint_, 1000, 0, 1s);
  const MatchId match = manager_->match(request());
  settle();
  advance(kBlocks * kBlockTokens * 1ms);
  EXPECT_FALSE(status_of(match).pending);
  EXPECT_EQ(status_of(match).blocks, kBlocks);
  EXPECT_EQ(status_of(match).worth_fetching, 0u);
  EXPECT_EQ(status_of(match).decision.rfind("recompute: 192 tokens in 192 ms at 1,000 tokens/s", 0), 0u)
      << status_of(match).decision;
}

}  // namespace
}  // namespace kvp2p
