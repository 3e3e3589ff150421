#include "cache/fetch_decision.h"

#include "cache/testing/scripted_exchange.h"

#include <gtest/gtest.h>

namespace kvp2p {
namespace {

using namespace std::chrono_literals;
using Kind = FetchDecision::Kind;

constexpr std::size_t kBlockBytes = std::size_t{2} << 20;

/// `blocks` blocks at one source that brings so many bytes a second; prefill at so many tokens a second.
FetchQuestion question(std::size_t blocks, double bytes_per_second, double tokens_per_second) {
  FetchQuestion question;
  question.block_bytes = kBlockBytes;
  question.holders.assign(blocks, {0});
  question.sources = {PathEstimate{bytes_per_second, 1ms}};
  question.prefill = PrefillRate{1 / tokens_per_second, 0};
  return question;
}

TEST(FetchDecisionTest, WhatIsThereSoonerIsFetched) {
  const auto decision = decide_fetch(question(64, 5e9, 20'000), FetchPolicy::kAuto);
  EXPECT_EQ(decision.kind, Kind::kFetch);
  EXPECT_EQ(decision.blocks, 64u);
  EXPECT_EQ(decision.text, "fetch: 1,024 tokens in 28 ms at 4.8 GB/s, recomputing would take 51 ms at 20,000 tokens/s");
}

TEST(FetchDecisionTest, WhatComesLaterThanItIsComputedIsNot) {
  const auto decision = decide_fetch(question(64, 3.1e6, 85'000), FetchPolicy::kAuto);
  EXPECT_EQ(decision.kind, Kind::kRecompute);
  EXPECT_EQ(decision.blocks, 0u);
  EXPECT_EQ(decision.text,
            "recompute: 1,024 tokens in 12 ms at 85,000 tokens/s, fetch would take 43297 ms at 3.1 MB/s");
}

TEST(FetchDecisionTest, WhatIsNotKnownIsFetchedToLearn) {
  FetchQuestion no_prefill = question(4, 1e6, 1e6);
  no_prefill.prefill.reset();
  FetchQuestion no_rate = question(4, 1e6, 1e6);
  no_rate.sources[0].reset();
  for (const FetchQuestion& unknown : {no_prefill, no_rate}) {
    const auto decision = decide_fetch(unknown, FetchPolicy::kAuto);
    EXPECT_EQ(decision.kind, Kind::kUnmeasured);
    EXPECT_EQ(decision.blocks, 4u);
    EXPECT_NE(decision.text.find("to learn"), std::string::npos);
  }
}

TEST(FetchDecisionTest, AsConfiguredWhateverTheRates) {
  const auto decision = decide_fetch(question(64, 1, 1e9), FetchPolicy::kAlways);
  EXPECT_EQ(decision.blocks, 64u);
  EXPECT_EQ(decision.text, "fetch: 1,024 tokens, as configured");
}

TEST(FetchDecisionTest, NothingToFetchNothingToSay) {
  FetchQuestion here = question(8, 1, 1e9);
  here.holders.assign(8, {});
  const auto decision = decide_fetch(here, FetchPolicy::kAuto);
  EXPECT_EQ(decision.kind, Kind::kNothingToFetch);
  EXPECT_EQ(decision.blocks, 8u);
  EXPECT_TRUE(decision.text.empty());
  EXPECT_EQ(decide_fetch({}, FetchPolicy::kAuto).blocks, 0u);
}

TEST(FetchDecisionTest, TailAtASlowPeerIsComputed) {
  FetchQuestion mixed = question(64, 5e9, 20'000);
  mixed.sources.push_back(PathEstimate{1e6, 20ms});
  for (std::size_t block = 48; block < 64; ++block) mixed.holders[block] = {1};
  const auto decision = decide_fetch(mixed, FetchPolicy::kAuto);
  EXPECT_EQ(decision.kind, Kind::kFetchPart);
  EXPECT_EQ(decision.blocks, 48u);
  EXPECT_NE(decision.text.find("fetch 768 of 1,024 tokens"), std::string::npos) << decision.text;
}

TEST(FetchDecisionTest, WhatIsHereIsTakenThoughTheRestIsComputed) {
  FetchQuestion partly = question(64, 1e6, 85'000);
  for (std::size_t block = 0; block < 10; ++block) partly.holders[block].clear();
  const auto decision = decide_fetch(partly, FetchPolicy::kAuto);
  EXPECT_EQ(decision.kind, Kind::kRecompute);
  EXPECT_EQ(decision.blocks, 10u);
}

TEST(FetchDecisionTest, ManySourcesCountTogether) {
  // Each alone is too slow.
  FetchQuestion many = question(64, 1e9, 20'000);
  EXPECT_EQ(decide_fetch(many, FetchPolicy::kAuto).kind, Kind::kRecompute);
  for (std::size_t i = 1; i < 4; ++i) many.sources.push_back(PathEstimate{1e9, 1ms});
  many.holders.assign(64, {0, 1, 2, 3});
  EXPECT_EQ(decide_fetch(many, FetchPolicy::kAuto).kind, Kind::kFetch);
}

TEST(FetchDecisionTest, LongPromptsAreFetchedSoonerThanShortOnes) {
  // Attention over what is before makes a token dearer the later it comes.
  FetchQuestion shorter = question(32, 1e9, 20'000), longer = question(512, 1e9, 20'000);
  shorter.prefill = longer.prefill = PrefillRate{1e-5, 4e-8};
  EXPECT_EQ(decide_fetch(shorter, FetchPolicy::kAuto).kind, Kind::kRecompute);
  EXPECT_EQ(decide_fetch(longer, FetchPolicy::kAuto).kind, Kind::kFetch);
}

base::Duration time_of(const PrefillRate& rate, std::size_t tokens, std::size_t context) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(rate.seconds(tokens, context)));
}

TEST(PrefillFitTest, FindsBothPartsOfTheTime) {
  const PrefillRate truth{2e-5, 3e-9};
  PrefillFit fit;
  EXPECT_FALSE(fit.rate());
  for (const std::size_t tokens : {512u, 2048u, 8192u, 1024u}) fit.add(tokens, 0, time_of(truth, tokens, 0));
  ASSERT_TRUE(fit.rate());
  EXPECT_NEAR(fit.rate()->seconds_per_token, truth.seconds_per_token, 1e-7);
  EXPECT_NEAR(fit.rate()->seconds_per_pair, truth.seconds_per_pair, 1e-11);
}

TEST(PrefillFitTest, OfOneLengthIsRightForThatLength) {
  PrefillFit fit;
  for (int i = 0; i < 3; ++i) fit.add(1000, 0, 50ms);
  EXPECT_NEAR(fit.rate()->seconds(1000, 0), 0.05, 1e-6);
  EXPECT_EQ(fit.rate()->seconds_per_pair, 0);
}

TEST(PrefillFitTest, IsNeverNegativeAndFollowsChanges) {
  PrefillFit fit;
  fit.add(100, 0, 100ms);
  fit.add(4000, 0, 100ms);
  EXPECT_GE(fit.rate()->seconds_per_token, 0);
  EXPECT_GE(fit.rate()->seconds_per_pair, 0);
  for (int i = 0; i < 100; ++i) fit.add(1000, 0, 10ms);
  EXPECT_NEAR(fit.rate()->seconds(1000, 0), 0.01, 1e-4);
}

TEST(PrefillFitTest, AFewTokensSayNothing) {
  PrefillFit fit;
  fit.add(kPrefillTokensMin - 1, 0, 1s);
  fit.add(1000, 0, 0s);
  EXPECT_FALSE(fit.rate());
}

TEST(PeerEstimatesTest, BelievesLargeFetchesAtOnceAndSmallOnesInNumbers) {
  PeerEstimates estimates;
  const auto peer = testing::new_peer_id();
  const base::TimePoint now = base::TimePoint{} + 1h;
  estimates.add(peer, PeerPath::kNetwork, 1000, 1ms, 2ms, now);
  EXPECT_FALSE(estimates.get(peer, PeerPath::kNetwork, now));
  estimates.add(peer, PeerPath::kNetwork, 100 << 20, 1ms, 101ms, now);
  ASSERT_TRUE(estimates.get(peer, PeerPath::kNetwork, now));
  EXPECT_FALSE(estimates.get(peer, PeerPath::kDirect, now)) << "paths are measured apart";
  for (int i = 0; i < 3; ++i) estimates.add(peer, PeerPath::kDirect, 1000, 1ms, 2ms, now);
  const auto direct = estimates.get(peer, PeerPath::kDirect, now);
  ASSERT_TRUE(direct);
  EXPECT_NEAR(direct->bytes_per_second, 1e6, 1);
  EXPECT_EQ(direct->latency, 1ms);
}

TEST(PeerEstimatesTest, ForgetsWhatIsOldButNotTheTotals) {
  PeerEstimates estimates;
  const auto peer = testing::new_peer_id();
  const base::TimePoint now = base::TimePoint{} + 1h;
  estimates.add(peer, PeerPath::kNetwork, 100 << 20, 1ms, 10s, now);
  EXPECT_TRUE(estimates.get(peer, PeerPath::kNetwork, now + kEstimateLife));
  EXPECT_FALSE(estimates.get(peer, PeerPath::kNetwork, now + kEstimateLife + 1ns));
  estimates.add(peer, PeerPath::kNetwork, 100 << 20, 0ms, 100ms, now + kEstimateLife + 1s);
  EXPECT_GT(estimates.get(peer, PeerPath::kNetwork, now + kEstimateLife + 1s)->bytes_per_second, 1e9);
  ASSERT_EQ(estimates.totals(4).size(), 1u);
  EXPECT_EQ(estimates.totals(4)[0].bytes, std::size_t{200} << 20);
}

TEST(PeerEstimatesTest, WhatComesAllAtOnceIsNotTakenForAnyRate) {
  PeerEstimates estimates;
  const auto peer = testing::new_peer_id();
  const base::TimePoint now = base::TimePoint{} + 1h;
  for (int i = 0; i < 3; ++i) estimates.add(peer, PeerPath::kNetwork, 8000, 8ms, 8ms, now);
  EXPECT_NEAR(estimates.get(peer, PeerPath::kNetwork, now)->bytes_per_second, 8e6, 1);
  estimates.add(peer, PeerPath::kNetwork, 0, 0ms, 1s, now);
  estimates.add(peer, PeerPath::kNetwork, 1, 0ms, 0s, now);
  EXPECT_NEAR(estimates.get(peer, PeerPath::kNetwork, now)->bytes_per_second, 8e6, 1);
}

}  // namespace
}  // namespace kvp2p
