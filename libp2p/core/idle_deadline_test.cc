#include "libp2p/core/idle_deadline.h"

#include <gtest/gtest.h>

#include <optional>

namespace libp2p {
namespace {

using namespace std::chrono_literals;

class IdleDeadlineTest : public ::testing::Test {
 protected:
  base::ManualClock clock_;
  int calls_ = 0;
  std::optional<IdleDeadline> deadline_;
  void begin() {
    deadline_.emplace(clock_, 10s, [this] { ++calls_; });
  }
};

TEST_F(IdleDeadlineTest, WithoutProgressItExpiresOnce) {
  begin();
  clock_.advance(10s - 1ns);
  EXPECT_FALSE(deadline_->expired());
  clock_.advance(1ns);
  EXPECT_TRUE(deadline_->expired());
  clock_.advance(1h);
  EXPECT_EQ(calls_, 1);
}

TEST_F(IdleDeadlineTest, ProgressPutsItOff) {
  begin();
  for (int i = 0; i < 10; ++i) {
    clock_.advance(9s);
    deadline_->progress();
  }
  EXPECT_EQ(calls_, 0);
  clock_.advance(10s - 1ns);
  EXPECT_EQ(calls_, 0);
  clock_.advance(1ns);
  EXPECT_EQ(calls_, 1);
}

TEST_F(IdleDeadlineTest, NothingIsCalledAfterItsEnd) {
  begin();
  deadline_.reset();
  clock_.advance(1h);
  EXPECT_EQ(calls_, 0);
}

TEST_F(IdleDeadlineTest, TheCallMayEndIt) {
  deadline_.emplace(clock_, 10s, [this] {
    deadline_.reset();
    ++calls_;
  });
  clock_.advance(10s);
  EXPECT_EQ(calls_, 1);
}

}  // namespace
}  // namespace libp2p
