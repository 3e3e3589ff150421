// Peers that ask for blocks and then lie about what has come, ask for too much, or take it slowly.
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/testing/hostile_peer.h"
#include "wire/codec.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

class HostileAskerTest : public HostilePeerTest {
 protected:
  /// A get of 8 blocks, 6 frames, of which `credit` come; over stream 1.
  void begin(std::uint32_t credit, std::vector<std::uint32_t> streams = {1}) {
    const auto lease = lease_of(0, 8);
    data_ = peer_.open_data(node_.host, session_, 1);
    auto asked = get(lease, 8, credit);
    asked.streams = std::move(streams);
    asked.time_ms = 60'000;
    peer_.send(*control_, kGet, asked);
  }
  bool receive_frame(libp2p::Stream& stream) {
    auto frame = receive<wire::FrameHeader>(stream);
    return frame && peer_.receive_bytes(stream, frame->length);
  }
  bool is_refused() {
    auto error = receive<wire::ErrorMessage>(*control_);
    return error && error->code == static_cast<std::uint32_t>(wire::ErrorCode::kBadRequest);
  }
  /// Nothing is sent for it any more.
  void expect_forgotten() {
    const std::size_t reads = node_.blocks.reads;
    peer_.send(*control_, kGet, wire::Credit{8});
    peer_.send(*control_, kGet, wire::Streams{{1, 2, 3}});
    peer_.send(*control_, kGet, wire::Lost{1, 0});
    peer_.send(*control_, kGet, wire::Counts{});
    const auto messages = drain();
    ASSERT_TRUE(messages);
    EXPECT_TRUE(messages->empty());
    EXPECT_EQ(node_.blocks.reads, reads);
  }

  static constexpr std::uint64_t kGet = 1;
  std::unique_ptr<libp2p::Stream> data_;
};

TEST_F(HostileAskerTest, MoreLostFramesThanWereSentAreRefused) {
  begin(2);
  peer_.send(*control_, kGet, wire::Lost{1, 3});
  EXPECT_TRUE(is_refused());
  expect_forgotten();
}

TEST_F(HostileAskerTest, AStreamThatTheGetDoesNotHaveCannotBeLost) {
  begin(2);
  auto other = peer_.open_data(node_.host, session_, 2);
  peer_.send(*control_, kGet, wire::Lost{2, 0});
  EXPECT_TRUE(is_refused());
  expect_forgotten();
  EXPECT_FALSE(peer_.is_ended(*other)) << "another get's";
}

TEST_F(HostileAskerTest, AStreamIsLostOnce) {
  begin(2);
  auto other = peer_.open_data(node_.host, session_, 2);
  peer_.send(*control_, kGet, wire::Streams{{2}});
  ASSERT_TRUE(receive_frame(*data_));
  peer_.send(*control_, kGet, wire::Lost{1, 1});
  EXPECT_TRUE(receive_frame(*other)) << "the one that was lost";
  peer_.send(*control_, kGet, wire::Lost{1, 1});
  EXPECT_TRUE(is_refused());
  expect_forgotten();
}

TEST_F(HostileAskerTest, AStreamThatWasLostBringsNothingThoughItIsNamedAgain) {
  begin(2);
  for (std::uint32_t i = 0; i < 10; ++i) {
    peer_.send(*control_, kGet, wire::Lost{1, 0});
    peer_.send(*control_, kGet, wire::Streams{{1}});
  }
  EXPECT_EQ(node_.blocks.reads, 2u) << "the stream is dead";
  EXPECT_TRUE(is_alive());
  // Then the get finds that it has no stream.
  advance(kLaneWait);
  EXPECT_TRUE(is_refused());
}

TEST_F(HostileAskerTest, WhatIsLostOfNoGetIsNothing) {
  begin(2);
  peer_.send(*control_, 77, wire::Lost{1, 0});
  peer_.send(*control_, 77, wire::Streams{{1}});
  peer_.send(*control_, 77, wire::Credit{1});
  peer_.send(*control_, 77, wire::Counts{});
  const auto messages = drain();
  ASSERT_TRUE(messages);
  EXPECT_TRUE(messages->empty());
  EXPECT_TRUE(receive_frame(*data_)) << "the stream of another get lives";
}

TEST_F(HostileAskerTest, AfterTheEndLossesCountAndAfterCancelNothingDoes) {
  begin(16);
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(receive_frame(*data_));
  auto end = receive<wire::GetEnd>(*control_);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->frames, 6u);
  auto other = peer_.open_data(node_.host, session_, 2);
  peer_.send(*control_, kGet, wire::Streams{{2}});
  peer_.send(*control_, kGet, wire::Lost{1, 4});
  EXPECT_TRUE(receive_frame(*other));
  EXPECT_TRUE(receive_frame(*other));
  end = receive<wire::GetEnd>(*control_);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->losses, 1u);
  EXPECT_EQ(end->streams, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(end->counts, (std::vector<std::uint32_t>{4, 2}));
  peer_.send(*control_, kGet, wire::Cancel{});
  expect_forgotten();
}

TEST_F(HostileAskerTest, LossesWithoutEndAreBounded) {
  prove_good();
  begin(0);
  base::Bytes messages;
  for (std::uint32_t number = 100; number < 100 + 10'000; ++number) {
    base::append(messages, wire::encode_framed({kGet, wire::Streams{{number}}}));
    base::append(messages, wire::encode_framed({kGet, wire::Lost{number, 0}}));
  }
  peer_.send_bytes(*control_, messages);
  EXPECT_TRUE(is_refused()) << "after kLossesMax";
  expect_forgotten();
}

TEST_F(HostileAskerTest, StreamsWithoutEndAreBounded) {
  begin(0);
  std::uint32_t number = 100;
  for (int i = 0; i < 200; ++i) {
    wire::Streams named;
    while (named.streams.size() < wire::kStreamsPerGetMax) named.streams.push_back(number++);
    peer_.send(*control_, kGet, named);
  }
  // One more than a get may have: it is not heard of.
  auto late = peer_.open_data(node_.host, session_, 99);
  peer_.send(*control_, kGet, wire::Streams{{99}});
  peer_.send(*control_, kGet, wire::Credit{8});
  for (int i = 0; i < 6; ++i) EXPECT_TRUE(receive_frame(*data_)) << i;
  EXPECT_TRUE(receive<wire::GetEnd>(*control_));
  peer_.send(*control_, kGet, wire::Lost{99, 0});
  EXPECT_TRUE(is_refused());
}

TEST_F(HostileAskerTest, CountsSayWhatHasBegun) {
  begin(3);
  peer_.send(*control_, kGet, wire::Counts{});
  auto counts = receive<wire::CountsAnswer>(*control_);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->losses, 0u);
  EXPECT_EQ(counts->streams, std::vector<std::uint32_t>{1});
  EXPECT_EQ(counts->counts, std::vector<std::uint32_t>{3});
  auto other = peer_.open_data(node_.host, session_, 2);
  peer_.send(*control_, kGet, wire::Streams{{2}});
  peer_.send(*control_, kGet, wire::Lost{1, 1});
  peer_.send(*control_, kGet, wire::Counts{});
  counts = receive<wire::CountsAnswer>(*control_);
  ASSERT_TRUE(counts);
  EXPECT_EQ(counts->losses, 1u);
  EXPECT_EQ(counts->streams, std::vector<std::uint32_t>{2});
  EXPECT_EQ(counts->counts, std::vector<std::uint32_t>{2});
}

TEST_F(HostileAskerTest, CountsLeaveOutWhatWaitsForItsTurn) {
  for (std::uint32_t i = 8; i < 256; ++i) node_.blocks.add(i);
  const auto lease = lease_of(0, 256);
  data_ = peer_.open_data(node_.host, session_, 1);
  peer_.send(*control_, kGet, get(lease, 256, 192));
  peer_.send(*control_, kGet, wire::Counts{});
  auto counts = receive<wire::CountsAnswer>(*control_);
  ASSERT_TRUE(counts);
  ASSERT_EQ(counts->counts.size(), 1u);
  // What fits the pipe and the one that is being written.
  EXPECT_GE(counts->counts[0], 256u * 1024 / (8192 + 1024));
  EXPECT_LE(counts->counts[0], 256u * 1024 / 8192 + 1);
}

TEST_F(HostileAskerTest, CountsAreForTheAskersOwnGets) {
  begin(3);
  RawPeer other(io_, 201);
  other.host.dial(node_.host);
  auto hello = other.say_hello(node_.host, test_cluster_key());
  ASSERT_TRUE(hello.result && hello.result->authorised);
  ASSERT_TRUE(other.receive(*hello.control)) << "its snapshot";
  other.send(*hello.control, kGet, wire::Counts{});
  other.send(*hello.control, 9, wire::Ping{});
  auto first = other.receive(*hello.control);
  ASSERT_TRUE(first);
  EXPECT_TRUE(std::holds_alternative<wire::Pong>(first->body));
}

TEST_F(HostileAskerTest, CountsWithoutEndAreAnsweredOnlySoOften) {
  prove_good();
  begin(3);
  base::Bytes messages;
  constexpr std::size_t kAsked = 40'000;
  for (std::size_t i = 0; i < kAsked; ++i) base::append(messages, wire::encode_framed({kGet, wire::Counts{}}));
  peer_.send_bytes(*control_, messages);
  const std::size_t answered = count_drained<wire::CountsAnswer>();
  EXPECT_GT(answered, 0u);
  EXPECT_LE(answered, kLookupKeysPerSecond / kLookupCost);
  advance(1s);
  peer_.send(*control_, kGet, wire::Counts{});
  EXPECT_TRUE(receive<wire::CountsAnswer>(*control_));
}

/// Two take from one node: one by hand and slowly, one as it should.
class SlowAskerTest : public HostileAskerTest {
 protected:
  static constexpr std::uint32_t kManyBlocks = 1000;
  SlowAskerTest() {
    for (std::uint32_t i = 8; i < kManyBlocks; ++i) node_.blocks.add(i);
  }
  /// Of everything, with so much credit.
  void begin_slowly(std::uint32_t credit) {
    const auto lease = lease_of(0, kManyBlocks);
    data_ = peer_.open_data(node_.host, session_, 1);
    auto asked = get(lease, kManyBlocks, credit);
    asked.time_ms = 60'000;
    peer_.send(*control_, kGet, asked);
  }
  void expect_another_is_served() {
    auto& asker = add_node();
    asker.host.dial(node_.host);
    poll();
    const auto answer = look_up(asker, node_.id(), request(0, kManyBlocks));
    CollectingSink sink;
    auto fetch = asker.exchange->fetch(fetch_request(node_.id(), answer, 0, kManyBlocks), sink, in(10s));
    poll();  // the clock stands still
    ASSERT_TRUE(sink.outcome);
    EXPECT_TRUE(*sink.outcome);
    expect_slices(sink, 0, 0, kManyBlocks);
  }
};

TEST_F(SlowAskerTest, WhoGrantsLittleIsReadForLittle) {
  begin_slowly(1);
  for (std::size_t granted = 1; granted < 20; ++granted) {
    EXPECT_EQ(node_.blocks.reads, granted);
    peer_.send(*control_, kGet, wire::Credit{1});
  }
  expect_another_is_served();
  EXPECT_TRUE(is_alive());
}

TEST_F(SlowAskerTest, WhoGrantsMuchAndReadsNothingHoldsLittle) {
  begin_slowly(wire::kCreditMax);
  // In the pipe, in the lane's outbox, and read ahead for it.
  const std::size_t bound = 256 * 1024 / 8192 + 1 + 2 * kOutboxFrames + kReadsPerGet;
  EXPECT_LE(node_.blocks.reads, bound);
  expect_another_is_served();
  const std::size_t before = node_.blocks.reads;
  for (int i = 0; i < 20; ++i) {
    peer_.send(*control_, kGet, wire::Credit{wire::kCreditMax});
    ASSERT_TRUE(receive_frame(*data_));
  }
  EXPECT_LE(node_.blocks.reads, before + 20);
  EXPECT_TRUE(is_alive());
}

TEST_F(SlowAskerTest, ManyGetsThatAreNotReadHoldLittle) {
  const auto lease = lease_of(0, kManyBlocks);
  data_ = peer_.open_data(node_.host, session_, 1);
  for (std::uint64_t id = 1; id <= kGetsServedMax; ++id) {
    peer_.send(*control_, id, get(lease, kManyBlocks, wire::kCreditMax));
  }
  EXPECT_LE(node_.blocks.reads, kGetsServedMax * (kReadsPerGet + kOutboxFrames) + 256 * 1024 / 8192 + kOutboxFrames);
  expect_another_is_served();
  EXPECT_TRUE(is_alive());
}

}  // namespace
}  // namespace kvp2p::testing
