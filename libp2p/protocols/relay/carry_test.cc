#include "libp2p/protocols/relay/carry.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include <optional>

namespace libp2p::relay {
namespace {

using namespace std::chrono_literals;

template <class T>
base::Task<> store(base::Task<T> task, std::optional<T>& into) {
  into.emplace(co_await std::move(task));
}

class CarryTest : public ::testing::Test {
 protected:
  void begin(Limit limit) {
    auto [one, one_inner] = testing::make_memory_pipe(io_.get_executor());
    auto [other, other_inner] = testing::make_memory_pipe(io_.get_executor());
    one_ = std::move(one);
    other_ = std::move(other);
    start(carry(io_.get_executor(), clock_, std::move(one_inner), std::move(other_inner), limit, stop_.get_token()),
          carried_);
  }
  template <class T>
  void start(base::Task<T> task, std::optional<T>& into) {
    base::spawn(io_.get_executor(), store(std::move(task), into));
    poll();
  }
  template <class T>
  T run(base::Task<T> task) {
    std::optional<T> result;
    start(std::move(task), result);
    EXPECT_TRUE(result.has_value()) << "it has not ended";
    return std::move(result).value();
  }
  void poll() {
    io_.restart();
    io_.poll();
  }
  base::Result<std::size_t> read(Stream& stream, std::size_t bytes = 100'000) {
    base::Bytes into(bytes);
    return run(stream.read_some(into));
  }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  std::stop_source stop_;
  std::unique_ptr<Stream> one_, other_;
  std::optional<Carried> carried_;
};

TEST_F(CarryTest, BytesAndEndsGoBothWays) {
  begin({});
  const base::Bytes there(20'000, 1), back(10'000, 2);
  ASSERT_TRUE(run(one_->write(there)));
  ASSERT_TRUE(run(other_->write(back)));
  base::Bytes received(there.size());
  ASSERT_TRUE(run(read_exact(*other_, received)));
  EXPECT_EQ(received, there);
  ASSERT_TRUE(run(one_->close_write()));
  EXPECT_EQ(read(*other_).value(), 0u);
  EXPECT_FALSE(carried_);  // the other way is open still
  ASSERT_TRUE(run(other_->close_write()));
  received.resize(back.size());
  ASSERT_TRUE(run(read_exact(*one_, received)));
  EXPECT_EQ(received, back);
  EXPECT_EQ(read(*one_).value(), 0u);
  ASSERT_TRUE(carried_);
  EXPECT_EQ(carried_->bytes, 30'000u);
}

TEST_F(CarryTest, AFailureOfOneEndsBoth) {
  begin({});
  one_->reset();
  poll();
  EXPECT_TRUE(carried_);
  EXPECT_FALSE(read(*other_));
}

TEST_F(CarryTest, TheLimitCountsEachWay) {
  begin({.duration_s = 0, .data_bytes = 1000});
  ASSERT_TRUE(run(one_->write(base::Bytes(1000))));
  ASSERT_TRUE(run(other_->write(base::Bytes(1000))));
  EXPECT_FALSE(carried_);
  base::Bytes received(1000);
  ASSERT_TRUE(run(read_exact(*one_, received)));
  ASSERT_TRUE(run(read_exact(*other_, received)));
  ASSERT_TRUE(run(one_->write(base::Bytes(1))));
  EXPECT_TRUE(carried_);
  EXPECT_FALSE(read(*other_));
}

TEST_F(CarryTest, TimeEndsIt) {
  begin({.duration_s = 120, .data_bytes = 0});
  clock_.advance(119s);
  poll();
  EXPECT_FALSE(carried_);
  clock_.advance(1s);
  poll();
  EXPECT_TRUE(carried_);
  EXPECT_FALSE(read(*one_));
}

TEST_F(CarryTest, AStopEndsIt) {
  begin({});
  stop_.request_stop();
  poll();
  EXPECT_TRUE(carried_);
}

TEST_F(CarryTest, WhoDoesNotReadHoldsTheOtherBack) {
  begin({});
  std::optional<base::Result<>> written;
  const base::Bytes much(1024 * 1024);
  start(one_->write(much), written);
  EXPECT_FALSE(written);
  base::Bytes received(much.size());
  ASSERT_TRUE(run(read_exact(*other_, received)));
  EXPECT_TRUE(written && *written);
  one_->reset();
  poll();
}

}  // namespace
}  // namespace libp2p::relay
