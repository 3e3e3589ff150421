#include "libp2p/core/rate_budget.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;

TEST(RateBudgetTest, ABurstAndThenOneAnInterval) {
  RateBudget budget(3, 1s);
  base::TimePoint now(100s);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.take(now));
  EXPECT_FALSE(budget.take(now));
  EXPECT_FALSE(budget.take(now + 999ms));
  EXPECT_TRUE(budget.take(now + 1s));
  EXPECT_FALSE(budget.take(now + 1s));
}

TEST(RateBudgetTest, ALongPauseAllowsNoMoreThanABurst) {
  RateBudget budget(2, 1s);
  base::TimePoint now(100s);
  EXPECT_TRUE(budget.take(now));
  now += 1h;
  EXPECT_TRUE(budget.take(now));
  EXPECT_TRUE(budget.take(now));
  EXPECT_FALSE(budget.take(now));
}

}  // namespace
}  // namespace libp2p
