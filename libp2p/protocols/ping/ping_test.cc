#include "libp2p/protocols/ping/ping.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;

class PingTest : public ::testing::Test {
 protected:
  PingTest() { std::tie(client_, server_) = testing::make_memory_pipe(io_.get_executor()); }

  void poll() {
    io_.restart();
    io_.poll();
  }

  void spawn(base::Task<> task) { base::spawn(io_.get_executor(), std::move(task)); }

  base::Task<> serve() {
    co_await serve_ping(clock_, std::move(server_));
    served_ = true;
  }

  base::Task<> ping() { result_ = co_await ping_round_trip(clock_, *client_, 10s); }

  base::Task<> answer_with_zeroes() {
    std::array<std::uint8_t, kPingBytes> payload;
    EXPECT_TRUE(co_await read_exact(*server_, payload));
    payload.fill(0);
    EXPECT_TRUE(co_await server_->write(payload));
  }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  std::unique_ptr<Stream> client_;
  std::unique_ptr<Stream> server_;
  std::optional<base::Result<base::Duration>> result_;
  bool served_ = false;
};

TEST_F(PingTest, IsAnsweredAgainAndAgain) {
  spawn(serve());
  for (int i = 0; i < 3; ++i) {
    result_.reset();
    spawn(ping());
    poll();
    ASSERT_TRUE(result_);
    EXPECT_TRUE(*result_) << result_->error().message();
  }
  EXPECT_FALSE(served_);
}

TEST_F(PingTest, AnotherAnswerIsAViolation) {
  spawn(answer_with_zeroes());
  spawn(ping());
  poll();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->error(), Error::kProtocolViolation);
}

TEST_F(PingTest, NoAnswerIsATimeout) {
  spawn(ping());
  poll();
  EXPECT_FALSE(result_);
  clock_.advance(10s);
  poll();
  ASSERT_TRUE(result_);
  EXPECT_EQ(result_->error(), Error::kTimeout);
}

TEST_F(PingTest, TheServerEndsWhenTheStreamDoes) {
  spawn(serve());
  spawn(ping());
  poll();
  client_.reset();
  poll();
  EXPECT_TRUE(served_);
}

TEST_F(PingTest, TheServerDoesNotWaitForAPingForEver) {
  spawn(serve());
  poll();
  EXPECT_FALSE(served_);
  clock_.advance(kPingIdleTimeout);
  poll();
  EXPECT_TRUE(served_);
}

}  // namespace
}  // namespace libp2p
