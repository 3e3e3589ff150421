// Peers that are asked for blocks and send something else.
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/testing/hostile_peer.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

TEST_F(HostileHolderTest, WrongContentReachesTheSinkWithLeavesThatDoNotFit) {
  begin();
  for (std::uint32_t layer = 0; layer < 3; ++layer) send_frame(layer, 0, 4);
  EXPECT_FALSE(sink_.outcome);
  peer_.send(*control_, id_, wire::GetEnd{3});
  ASSERT_TRUE(sink_.outcome);
  EXPECT_TRUE(*sink_.outcome);
  EXPECT_EQ(sink_.bad_leaves, 3u);
}

TEST_F(HostileHolderTest, FramesOutsideTheRequestBreakTheFetch) {
  using Header = wire::FrameHeader;
  const std::vector<std::function<void(Header&)>> wrongs = {
      [](Header& h) { h.layer = 3; },
      [](Header& h) { h.layer = 511; },
      [](Header& h) { h.first_block = 1; },
      [](Header& h) { h.length -= 1; },
      [](Header& h) { h.leaves.pop_back(); },
      [](Header& h) { h.blocks = 3; },
      [](Header& h) {
        h.layers = 2;
        h.blocks = 2;
      },
  };
  for (const auto& wrong : wrongs) {
    sink_ = {};
    begin();
    send_frame(0, 0, 4, wrong);
    EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
    EXPECT_EQ(sink_.frames, 0u);
    EXPECT_TRUE(peer_.is_ended(*data_));
    EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
  }
  EXPECT_TRUE(is_alive());
}

TEST_F(HostileHolderTest, TheSameSliceTwiceBreaksTheFetch) {
  begin();
  send_frame(0, 0, 2);
  send_frame(0, 1, 2);
  EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
  EXPECT_EQ(sink_.frames, 1u);
}

TEST_F(HostileHolderTest, MoreThanTheCreditBreaksTheFetch) {
  begin(8);
  sink_.hoard = true;
  std::uint32_t sent = 0;
  for (std::uint32_t layer = 0; layer < 3 && !sink_.outcome; ++layer) {
    for (std::uint32_t block = 0; block < 8 && !sink_.outcome; ++block, ++sent) send_frame(layer, block, 1);
  }
  EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
  EXPECT_LE(sink_.frames, node_.staging->slots());
  sink_.hoarded.clear();
}

TEST_F(HostileHolderTest, AnEndBeforeEverythingHasComeBreaksTheFetch) {
  begin();
  send_frame(0, 0, 4);
  peer_.send(*control_, id_, wire::GetEnd{1});
  EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
}

TEST_F(HostileHolderTest, GoneBlocksNeedNotBeSent) {
  begin();
  peer_.send(*control_, id_, wire::Gone{{{0, 4}}});
  peer_.send(*control_, id_, wire::GetEnd{0});
  ASSERT_TRUE(sink_.outcome);
  EXPECT_TRUE(*sink_.outcome);
  EXPECT_EQ(sink_.gone.size(), 4u);
}

TEST_F(HostileHolderTest, GoneBlocksThatWereNotAskedForBreakTheFetch) {
  begin();
  peer_.send(*control_, id_, wire::Gone{{{3, 2}}});
  EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
}

TEST_F(HostileHolderTest, BusyIsAskedAgain) {
  begin();
  peer_.send(*control_, id_, wire::Busy{100});
  EXPECT_FALSE(sink_.outcome);
  advance(100ms);
  auto again = peer_.receive(*control_);
  ASSERT_TRUE(again && std::holds_alternative<wire::Get>(again->body));
  EXPECT_EQ(again->id, id_);
  peer_.send(*control_, id_, wire::Busy{60'000});
  EXPECT_EQ(outcome(), ExchangeError::kBusy);
}

TEST_F(HostileHolderTest, AStallInTheMiddleOfAFrameIsATimeout) {
  begin();
  wire::FrameHeader header;
  header.blocks = 4;
  header.layers = 1;
  header.length = 8192;
  header.leaves.resize(16);
  peer_.send(*data_, id_, header);
  peer_.send_bytes(*data_, base::Bytes(100));
  advance(2s);
  EXPECT_EQ(outcome(), ExchangeError::kTimeout);
  EXPECT_TRUE(peer_.is_ended(*data_));
  EXPECT_EQ(sink_.frames, 0u);
  EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
}

TEST_F(HostileHolderTest, ABrokenHeaderEndsTheFetchAtOnce) {
  begin();
  peer_.send_bytes(*data_, {0x03, 0xc1, 0xc1, 0xc1});
  EXPECT_EQ(outcome(), ExchangeError::kPeerGone);
}

TEST_F(HostileHolderTest, AnErrorEndsTheFetch) {
  begin();
  peer_.send(*control_, id_, wire::ErrorMessage{4, "no such lease\n\x1b[31m"});
  EXPECT_EQ(outcome(), ExchangeError::kLeaseUnknown);
}

TEST_F(HostileHolderTest, AnEndThatCannotBeBreaksTheFetch) {
  const std::uint32_t lane = 1;
  const std::vector<wire::GetEnd> wrongs = {
      {2, 0, {lane, 77}, {1, 1}},          // over a stream that it was not given
      {1, 0, {lane, 77}, {0, 1}},          // fewer than have come
      {3, 1, {}, {}},                      // a loss that it was not told of
      {0, 0, {}, {}},                      // nothing was sent
      {3, 0, {lane, lane}, {2, 1}},        // the same stream twice
      {4, 0, {lane}, {3}},                 // a sum that is not one
      {3, 0, {lane, 77}, {3}},             // a count too few
      {UINT32_MAX, 0, {77}, {UINT32_MAX}}  // all over another
  };
  for (const auto& wrong : wrongs) {
    sink_ = {};
    data_.reset();
    begin();
    wire::GetEnd end = wrong;
    for (auto& stream : end.streams) stream = stream == lane ? get_.streams[0] : stream;
    send_frame(0, 0, 4);
    EXPECT_EQ(sink_.frames, 1u);
    peer_.send(*control_, id_, end);
    EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken) << end.frames;
    EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
  }
  EXPECT_TRUE(is_alive());
}

TEST_F(HostileHolderTest, ASecondEndBreaksTheFetch) {
  begin();
  peer_.send(*control_, id_, wire::GetEnd{3});
  EXPECT_FALSE(sink_.outcome);
  peer_.send(*control_, id_, wire::GetEnd{3});
  EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
}

TEST_F(HostileHolderTest, AnEndThatPromisesTooMuchIsATimeout) {
  begin();
  for (std::uint32_t layer = 0; layer < 3; ++layer) send_frame(layer, 0, 4);
  peer_.send(*control_, id_, wire::GetEnd{4, 0, {get_.streams[0]}, {4}});
  EXPECT_FALSE(sink_.outcome);
  advance(2s);
  EXPECT_EQ(outcome(), ExchangeError::kTimeout);
}

TEST_F(HostileHolderTest, MessagesOfNoFetchAreNothing) {
  begin();
  peer_.send(*control_, 7777, wire::GetEnd{3});
  peer_.send(*control_, 7777, wire::CountsAnswer{9, {1}, {9}});
  peer_.send(*control_, 7777, wire::Gone{{{0, 1}}});
  peer_.send(*control_, id_, wire::CountsAnswer{9, {77}, {9}});
  EXPECT_FALSE(sink_.outcome) << "nobody has asked for counts";
  EXPECT_TRUE(is_alive());
}

TEST_F(HostileHolderTest, ACancelledFetchTakesWhatWasGrantedAndNoMore) {
  begin(8);
  std::uint32_t granted = get_.credit;
  send_frame(0, 0, 1);
  fetch_.reset();
  const auto messages = drain();
  ASSERT_TRUE(messages);
  for (const auto& message : *messages) {
    if (const auto* more = std::get_if<wire::Credit>(&message.body)) granted += more->frames;
  }
  ASSERT_GT(granted, 1u);
  ASSERT_TRUE(std::holds_alternative<wire::Cancel>(messages->back().body));
  EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
  for (std::uint32_t i = 1; i < granted; ++i) send_frame(i / 8, i % 8, 1);
  EXPECT_EQ(sink_.frames, 1u);
  // The lane is as good as before.
  const std::uint64_t cancelled = id_;
  CollectingSink other;
  auto fetch = node_.exchange->fetch(fetch_request(peer_.host.peer_id(), {}, 0, 8), other, in(2s));
  auto asked = peer_.receive(*control_);
  ASSERT_TRUE(asked && std::holds_alternative<wire::Get>(asked->body));
  id_ = asked->id;
  send_frame(0, 0, 1);
  EXPECT_EQ(other.frames, 1u);
  id_ = cancelled;
  send_frame(2, 7, 1);
  EXPECT_TRUE(peer_.is_ended(*data_));
  EXPECT_EQ(sink_.frames, 1u);
  EXPECT_TRUE(is_alive());
}

TEST_F(HostileHolderTest, AFrameOfACancelledFetchIsNoLargerThanItsRoom) {
  begin(8);
  fetch_.reset();
  send_frame(0, 0, 8, [](wire::FrameHeader& header) { header.length = 4u << 20; });
  EXPECT_TRUE(peer_.is_ended(*data_));
  EXPECT_TRUE(is_alive());
}

TEST_F(HostileHolderTest, SilenceIsAnsweredByAQuestionNowAndThen) {
  begin(4, 60s);
  advance(kLaneStall - kLaneWatch);
  EXPECT_EQ(count_drained<wire::Counts>(), 0u);
  for (base::Duration time{}; time < 20s; time += kLaneWatch) advance(kLaneWatch);
  const std::size_t asked = count_drained<wire::Counts>();
  EXPECT_GE(asked, 15u);
  EXPECT_LE(asked, 21u);
  for (std::uint32_t layer = 0; layer < 3; ++layer) send_frame(layer, 0, 4);
  peer_.send(*control_, id_, wire::GetEnd{3});
  ASSERT_TRUE(sink_.outcome);
  EXPECT_TRUE(*sink_.outcome);
}

TEST_F(HostileHolderTest, CountsThatCannotBeBreakTheFetchOrMeanNothing) {
  begin(4, 60s);
  for (base::Duration time{}; time < 2 * kLaneStall; time += kLaneWatch) advance(kLaneWatch);
  ASSERT_GT(count_drained<wire::Counts>(), 0u);
  peer_.send(*control_, id_, wire::CountsAnswer{0, {77, 78}, {UINT32_MAX, 1}});
  EXPECT_FALSE(sink_.outcome);
  EXPECT_TRUE(is_alive());
  peer_.send(*control_, id_, wire::CountsAnswer{1, {}, {}});
  EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken) << "a loss that it was not told of";
}

TEST_F(HostileHolderTest, ALaneThatOwesByTheCountsIsGivenUp) {
  begin(4, 60s);
  const std::uint32_t lane = get_.streams[0];
  for (base::Duration time{}; time < 2 * kLaneStall; time += kLaneWatch) advance(kLaneWatch);
  ASSERT_GT(count_drained<wire::Counts>(), 0u);
  peer_.send(*control_, id_, wire::CountsAnswer{0, {lane}, {2}});
  auto old = std::move(data_);
  std::optional<wire::Lost> lost;
  for (base::Duration time{}; time < 4 * kLaneStall && !lost; time += kLaneWatch) {
    advance(kLaneWatch);
    const auto messages = drain();
    ASSERT_TRUE(messages);
    for (const auto& message : *messages) {
      if (std::holds_alternative<wire::Ping>(message.body)) peer_.send(*control_, message.id, wire::Pong{});
      if (const auto* told = std::get_if<wire::Lost>(&message.body)) lost = *told;
    }
  }
  ASSERT_TRUE(lost);
  EXPECT_EQ(*lost, (wire::Lost{lane, 0}));
  EXPECT_TRUE(peer_.is_ended(*old));
  ASSERT_TRUE(data_) << "another is opened";
  auto open = receive<wire::StreamOpen>(*data_);
  ASSERT_TRUE(open);
  for (std::uint32_t layer = 0; layer < 3; ++layer) send_frame(layer, 0, 4);
  peer_.send(*control_, id_, wire::GetEnd{3, 1, {open->number}, {3}});
  ASSERT_TRUE(sink_.outcome);
  EXPECT_TRUE(*sink_.outcome);
}

/// A peer that says that it sends several layers in one frame.
class JoiningHolderTest : public HostileHolderTest {
 protected:
  JoiningHolderTest() : HostileHolderTest(wire::kCounts | wire::kJoinsLayers) {}
};

TEST_F(JoiningHolderTest, FramesOfSeveralLayersAreTaken) {
  begin(2);
  EXPECT_TRUE(get_.may_join);
  send_frame(0, 0, 4, [](wire::FrameHeader& header) { header.blocks = header.layers = 2; });
  send_frame(2, 0, 2);
  peer_.send(*control_, id_, wire::GetEnd{2});
  ASSERT_TRUE(sink_.outcome);
  EXPECT_TRUE(*sink_.outcome);
  EXPECT_EQ(sink_.slices.size(), 6u);
}

TEST_F(JoiningHolderTest, LayersThatWereNotAskedForOrHaveComeBreakTheFetch) {
  using Header = wire::FrameHeader;
  const std::vector<std::function<void(Header&)>> wrongs = {
      [](Header& h) { h.layers = 3; },  [](Header& h) { h.layer = 2; },
      [](Header& h) { h.layer = 510; }, [](Header& h) { h.layers = 1; },
      [](Header& h) { h.blocks = 1; },  [](Header& h) { h.layer = 0; },  // its second layer has come
  };
  for (const auto& wrong : wrongs) {
    sink_ = {};
    begin(2);
    send_frame(1, 0, 2);
    EXPECT_EQ(sink_.frames, 1u);
    send_frame(0, 0, 4, [&](Header& header) {
      header.blocks = header.layers = 2;
      header.layer = 1;
      wrong(header);
    });
    EXPECT_EQ(outcome(), ExchangeError::kProtocolBroken);
    EXPECT_EQ(sink_.frames, 1u);
    EXPECT_TRUE(peer_.is_ended(*data_));
    EXPECT_EQ(node_.staging->free_slots(), node_.staging->slots());
  }
  EXPECT_TRUE(is_alive());
}

/// A peer that does not say that it answers `counts`.
class OldHolderTest : public HostileHolderTest {
 protected:
  OldHolderTest() : HostileHolderTest(0) {}
};

TEST_F(OldHolderTest, IsNotAskedForCounts) {
  begin(4, 60s);
  for (base::Duration time{}; time < 10s; time += kLaneWatch) advance(kLaneWatch);
  EXPECT_EQ(count_drained<wire::Counts>(), 0u);
  EXPECT_FALSE(sink_.outcome);
}

}  // namespace
}  // namespace kvp2p::testing
