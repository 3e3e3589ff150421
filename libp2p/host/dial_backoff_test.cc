#include "libp2p/host/dial_backoff.h"
#include "multiformats/numbered_peer.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;

constexpr auto peer = multiformats::testing::numbered_peer;

multiformats::Multiaddr address(std::uint16_t port) {
  return multiformats::Multiaddr::from_ip_tcp(boost::asio::ip::address_v4::loopback(), port);
}

class DialBackoffTest : public ::testing::Test {
 protected:
  /// How long the address is left alone from now on; the clock is moved to the end of that.
  base::Duration wait_out() {
    const auto until = backoff_.until(peer(1), now_);
    if (!until) return {};
    EXPECT_FALSE(backoff_.allows(peer(1), address(1), *until - 1ns));
    EXPECT_TRUE(backoff_.allows(peer(1), address(1), *until));
    return *until - std::exchange(now_, *until);
  }

  DialBackoff backoff_;
  base::TimePoint now_{};
};

TEST_F(DialBackoffTest, TheWaitGrowsWithTheSquareOfTheFailures) {
  EXPECT_EQ(wait_out(), 0s);
  for (const base::Duration expected : {5s, 6s, 9s, 14s, 21s}) {
    backoff_.on_failure(peer(1), address(1), now_);
    EXPECT_EQ(wait_out(), expected);
  }
  for (int i = 0; i < 200; ++i) {
    backoff_.on_failure(peer(1), address(1), now_);
    wait_out();
  }
  backoff_.on_failure(peer(1), address(1), now_);
  EXPECT_EQ(wait_out(), 5min);
}

TEST_F(DialBackoffTest, SuccessClears) {
  backoff_.on_failure(peer(1), address(1), now_);
  backoff_.on_success(peer(1), address(1));
  EXPECT_TRUE(backoff_.allows(peer(1), address(1), now_));
  backoff_.on_failure(peer(1), address(1), now_);
  EXPECT_EQ(wait_out(), 5s) << "as if it were the first";
}

TEST_F(DialBackoffTest, TimeClears) {
  backoff_.on_failure(peer(1), address(1), now_);
  now_ += 10s;
  backoff_.on_failure(peer(1), address(1), now_);
  EXPECT_EQ(wait_out(), 5s) << "as if it were the first";
}

TEST_F(DialBackoffTest, OthersAreNotHeldUp) {
  backoff_.on_failure(peer(1), address(1), now_);
  EXPECT_TRUE(backoff_.allows(peer(1), address(2), now_));
  EXPECT_TRUE(backoff_.allows(peer(2), address(1), now_));
  EXPECT_FALSE(backoff_.until(peer(2), now_));
}

TEST_F(DialBackoffTest, TheFirstAddressThatMayBeDialledCounts) {
  backoff_.on_failure(peer(1), address(2), now_);
  now_ += 1s;
  backoff_.on_failure(peer(1), address(1), now_);
  backoff_.on_failure(peer(2), address(3), now_ - 10s);
  EXPECT_EQ(backoff_.until(peer(1), now_), now_ + 4s);
}

TEST_F(DialBackoffTest, MemoryIsBounded) {
  for (std::size_t i = 0; i < kDialBackoffEntriesMax + 10; ++i) {
    backoff_.on_failure(peer(static_cast<std::uint8_t>(i >> 8)), address(static_cast<std::uint16_t>(i & 0xff)), now_);
    now_ += 1us;
  }
  EXPECT_TRUE(backoff_.allows(peer(0), address(0), now_)) << "the oldest is forgotten";
  const std::size_t last = kDialBackoffEntriesMax + 9;
  EXPECT_FALSE(backoff_.allows(peer(last >> 8), address(last & 0xff), now_));
}

}  // namespace
}  // namespace libp2p
