#include "engine/prefix_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace kvp2p::engine {
namespace {

using std::chrono::steady_clock;
using ::testing::_;
using ::testing::InSequence;
using ::testing::Return;

class MockRequest : public KVRequest {
 public:
  MOCK_METHOD(LookupResult, lookup_kv, (std::uint32_t, base::TimePoint), (override));
  MOCK_METHOD(LookupResult, lookup_all, (base::TimePoint), (override));
  MOCK_METHOD(void, store_kv, (std::uint32_t, std::size_t), (override));
  MOCK_METHOD(base::Result<>, wait_stored, (base::TimePoint), (override));
  MOCK_METHOD(base::Result<>, wait_published, (base::TimePoint), (override));
  MOCK_METHOD(TransferReport, transfer_report, (), (const, override));
  MOCK_METHOD(PutReport, put_report, (), (const, override));
};

constexpr auto kBudget = std::chrono::milliseconds(5);

LookupResult hit(std::size_t tokens) { return {LookupOutcome::kHit, tokens, ""}; }
LookupResult restart(std::size_t tokens) { return {LookupOutcome::kRestart, tokens, "why"}; }

TEST(PrefixCache, WithNoRequestNothingIsThere) {
  PrefixCache cache;
  EXPECT_EQ(cache.begin_pass(), 0u);
  EXPECT_FALSE(cache.wait_layer(3).restart);
  cache.store(4, 64);
  EXPECT_TRUE(cache.wait_published({}));
  EXPECT_TRUE(cache.finish());
  EXPECT_FALSE(cache.is_on());
}

TEST(PrefixCache, AMissAsksOnce) {
  auto request = std::make_unique<MockRequest>();
  EXPECT_CALL(*request, lookup_kv(0, _)).WillOnce(Return(LookupResult{LookupOutcome::kMiss, 0, "nobody has it"}));
  EXPECT_CALL(*request, wait_stored(_)).WillOnce(Return(base::Result<>()));
  PrefixCache cache(std::move(request), kBudget);
  EXPECT_EQ(cache.begin_pass(), 0u);
  EXPECT_FALSE(cache.wait_layer(0).restart);
  EXPECT_FALSE(cache.wait_layer(1).restart);
  EXPECT_EQ(cache.reason(), "nobody has it");
  EXPECT_TRUE(cache.finish());
}

TEST(PrefixCache, AMissOfOneLayerAfterAHitIsARestart) {
  auto request = std::make_unique<MockRequest>();
  EXPECT_CALL(*request, lookup_kv(0, _)).WillOnce(Return(hit(64)));
  EXPECT_CALL(*request, lookup_kv(1, _)).WillOnce(Return(LookupResult{}));
  PrefixCache cache(std::move(request), kBudget);
  EXPECT_EQ(cache.begin_pass(), 64u);
  const auto answer = cache.wait_layer(1);
  EXPECT_TRUE(answer.restart);
  EXPECT_EQ(answer.tokens, 0u);
  EXPECT_EQ(cache.begin_pass(), 0u);
}

TEST(PrefixCache, PassesArePromisedFewerTokensEachTime) {
  auto request = std::make_unique<MockRequest>();
  InSequence in_this_order;
  EXPECT_CALL(*request, lookup_kv(0, _)).WillOnce(Return(hit(64)));
  EXPECT_CALL(*request, lookup_kv(1, _)).WillOnce(Return(restart(64)));  // as if nothing were lost
  EXPECT_CALL(*request, lookup_kv(0, _)).WillOnce(Return(hit(64)));
  EXPECT_CALL(*request, lookup_kv(1, _)).WillOnce(Return(hit(32)));  // fewer than promised
  EXPECT_CALL(*request, lookup_kv(0, _)).WillOnce(Return(restart(16)));
  EXPECT_CALL(*request, lookup_kv(0, _)).WillOnce(Return(hit(16)));
  PrefixCache cache(std::move(request), kBudget);
  EXPECT_EQ(cache.begin_pass(), 64u);
  EXPECT_TRUE(cache.wait_layer(1).restart);
  EXPECT_EQ(cache.begin_pass(), 48u);
  EXPECT_TRUE(cache.wait_layer(1).restart);
  EXPECT_EQ(cache.begin_pass(), 16u);
  EXPECT_EQ(cache.restarts(), 2u);
}

TEST(PrefixCache, TheBudgetIsForAllWaitsTogether) {
  auto request = std::make_unique<MockRequest>();
  EXPECT_CALL(*request, lookup_kv(0, _)).WillOnce([](std::uint32_t, base::TimePoint deadline) {
    EXPECT_GT(deadline, steady_clock::now() - kBudget);
    std::this_thread::sleep_until(deadline);
    return hit(64);
  });
  EXPECT_CALL(*request, lookup_kv(1, _)).WillOnce([](std::uint32_t, base::TimePoint deadline) {
    EXPECT_LE(deadline, steady_clock::now());  // all of it is spent
    return hit(64);
  });
  PrefixCache cache(std::move(request), kBudget);
  cache.begin_pass();
  EXPECT_FALSE(cache.wait_layer(1).restart);
  EXPECT_GE(cache.waited(), kBudget);
}

TEST(PrefixCache, StoresEachLayerOnce) {
  auto request = std::make_unique<MockRequest>();
  InSequence in_this_order;
  EXPECT_CALL(*request, store_kv(0, 96));
  EXPECT_CALL(*request, store_kv(1, 96));
  EXPECT_CALL(*request, wait_stored(_)).WillOnce(Return(base::Result<>()));
  PrefixCache cache(std::move(request), kBudget);
  cache.store(2, 96);
  EXPECT_TRUE(cache.finish());
  EXPECT_TRUE(cache.finish());
}

TEST(PrefixCache, SaysWhenPagesMayStillBeRead) {
  auto request = std::make_unique<MockRequest>();
  EXPECT_CALL(*request, wait_stored(_)).WillOnce(Return(make_error_code(boost::system::errc::timed_out)));
  PrefixCache cache(std::move(request), kBudget);
  EXPECT_FALSE(cache.finish());
}

}  // namespace
}  // namespace kvp2p::engine
