// The simulated network by itself.
#include "libp2p/core/error.h"
#include "tests/sim/pipe.h"
#include "tests/sim/transport.h"

#include <gtest/gtest.h>

namespace kvp2p::sim {
namespace {

using namespace std::chrono_literals;

class NetworkTest : public ::testing::Test {
 protected:
  explicit NetworkTest(double loss = 0)
      : network_(world_, config(loss)), a_(network_.add_node()), b_(network_.add_node()) {
    pipe_ = std::make_shared<Pipe>(network_, a_, b_);
    left_ = make_stream(pipe_, 0);
    right_ = make_stream(pipe_, 1);
  }
  static NetworkConfig config(double loss) {
    NetworkConfig config;
    config.segment_loss = loss;
    return config;
  }

  static base::Task<> write_all(libp2p::Stream& stream, base::Bytes bytes, base::Result<>& result) {
    result = co_await stream.write(bytes);
    if (result) result = co_await stream.close_write();
  }
  static base::Task<> read_all(libp2p::Stream& stream, base::Bytes& into, base::Result<>& result) {
    base::Bytes chunk(10'000);
    for (;;) {
      auto count = co_await stream.read_some(chunk);
      if (!count) result = count.error();
      if (!count || *count == 0) co_return;
      base::append(into, base::ConstBytes(chunk).first(*count));
    }
  }
  void send(base::Bytes bytes) { base::spawn(world_.executor(), write_all(*left_, std::move(bytes), sent_)); }
  void receive() { base::spawn(world_.executor(), read_all(*right_, received_, read_)); }

  World world_{3};
  Network network_;
  NodeNumber a_, b_;
  std::shared_ptr<Pipe> pipe_;
  std::unique_ptr<libp2p::Stream> left_, right_;
  base::Bytes received_;
  base::Result<> sent_, read_;
};

class LossyNetworkTest : public NetworkTest {
 protected:
  LossyNetworkTest() : NetworkTest(0.2) {}
};

base::Bytes numbers(std::size_t count) {
  base::Bytes bytes(count);
  for (std::size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
  return bytes;
}

TEST_F(LossyNetworkTest, WhatIsLostComesLaterAndInOrder) {
  const base::Bytes bytes = numbers(3'000'000);
  send(bytes);
  receive();
  world_.run_for(10min);
  EXPECT_EQ(received_, bytes);
  EXPECT_GT(network_.traffic(a_).retransmissions, 0u);
}

TEST_F(NetworkTest, NothingArrivesBeforeItsTime) {
  send(numbers(100));
  receive();
  world_.run_for(200us);
  EXPECT_TRUE(received_.empty());
  world_.run_for(200ms);
  EXPECT_EQ(received_.size(), 100u);
}

TEST_F(NetworkTest, BandwidthIsShared) {
  send(numbers(12'500'000));
  receive();
  world_.run_for(900ms);
  EXPECT_LT(received_.size(), 12'500'000u) << "12.5 MB/s";
  world_.run_for(1min);
  EXPECT_EQ(received_.size(), 12'500'000u);
}

TEST_F(NetworkTest, ADivisionDelaysWhatIsSentUntilItHeals) {
  network_.partition([](NodeNumber node) { return static_cast<int>(node % 2); });
  send(numbers(1000));
  receive();
  world_.run_for(30s);
  EXPECT_TRUE(received_.empty());
  network_.heal();
  world_.run_for(40s);
  EXPECT_EQ(received_, numbers(1000));
}

TEST_F(NetworkTest, AResetIsToldUnlessTheNodeIsGoneWithoutAWord) {
  receive();
  left_->reset();
  world_.run_for(1s);
  EXPECT_EQ(read_.error(), libp2p::Error::kReset);

  auto other = std::make_shared<Pipe>(network_, a_, b_);
  const auto near = make_stream(other, 0), far = make_stream(other, 1);
  base::Bytes into;
  base::Result<> near_read, far_read;
  base::spawn(world_.executor(), read_all(*near, into, near_read));
  base::spawn(world_.executor(), read_all(*far, into, far_read));
  world_.settle();
  network_.remove_node(a_, true);
  world_.run_for(1h);
  EXPECT_FALSE(near_read);
  EXPECT_TRUE(far_read) << "it waits still";
  far->reset();
  world_.settle();
  EXPECT_FALSE(far_read);
}

base::Task<> dial(SimTransport& transport, multiformats::Multiaddr address,
                  base::Result<libp2p::RawConnection>& result) {
  result = co_await transport.dial(std::move(address), 10s, std::stop_token());
}

TEST_F(NetworkTest, DiallingIsRefusedOrTimesOut) {
  SimTransport transport(network_, a_);
  base::Result<libp2p::RawConnection> result = libp2p::Error::kClosing;
  base::spawn(world_.executor(), dial(transport, Network::address_of(b_), result));
  world_.run_for(1s);
  EXPECT_FALSE(result);
  EXPECT_NE(result.error(), libp2p::Error::kTimeout) << "refused at once: nobody listens";
  EXPECT_NE(result.error(), libp2p::Error::kClosing);

  network_.remove_node(b_, true);
  base::spawn(world_.executor(), dial(transport, Network::address_of(b_), result));
  world_.run_for(9s);
  EXPECT_NE(result.error(), libp2p::Error::kTimeout);
  world_.run_for(2s);
  EXPECT_EQ(result.error(), libp2p::Error::kTimeout);
}

TEST(TraceTest, EveryPartOfAnEventCounts) {
  const auto digest = [](char what, int time, std::uint64_t first, std::string_view content) {
    Trace trace;
    trace.note(what, base::TimePoint(base::Duration(time)), first, 0, base::as_bytes(content));
    return trace.digest();
  };
  const std::string one = digest('d', 1, 2, "abc");
  EXPECT_EQ(one, digest('d', 1, 2, "abc"));
  for (const auto& other : {digest('e', 1, 2, "abc"), digest('d', 2, 2, "abc"), digest('d', 1, 3, "abc"),
                            digest('d', 1, 2, "abd"), digest('d', 1, 2, "ab")}) {
    EXPECT_NE(one, other);
  }
}

}  // namespace
}  // namespace kvp2p::sim
