// One session against a peer that speaks frame by frame, rightly or wrongly.
#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/yamux_test_support.h"

namespace libp2p::yamux {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kNoFlags = 0;

class YamuxPeerTest : public CoroutineTest {
 protected:
  /// The session is the listener, unless told otherwise; the peer's streams have odd ids then.
  void connect(YamuxConfig config = {}, bool is_dialler = false, std::size_t capacity_bytes = 4'000'000) {
    auto [left, right] = testing::make_memory_pipe(io_.get_executor(), {.capacity_bytes = capacity_bytes});
    peer_ = std::move(right);
    session_ = YamuxMuxer(clock_, config).start(io_.get_executor(), std::move(left), is_dialler);
    // The session measures the round trip first of all.
    const Frame ping = receive();
    EXPECT_EQ(ping.header.type, FrameType::kPing);
    EXPECT_EQ(ping.header.flags, kFlagSyn);
    first_ping_ = ping.header.length;
  }

  void send(const FrameHeader& header, base::ConstBytes payload = {}) {
    const base::Bytes bytes = to_wire(header, payload);
    EXPECT_TRUE(run(peer_->write(bytes)));
  }

  Frame receive() {
    auto frame = run(read_frame(*peer_));
    EXPECT_TRUE(frame) << frame.error().message();
    return frame ? std::move(*frame) : Frame{};
  }

  /// The frames that have come by now.
  std::vector<Frame> receive_all() {
    std::vector<Frame> frames;
    for (;;) {
      auto next = start(read_frame(*peer_));
      poll();
      if (!next->has_value()) {
        // A ping's answer ends the reading.
        send({FrameType::kPing, kFlagSyn, 0, 77});
        auto answer = finish(next);
        EXPECT_TRUE(answer);
        if (answer && answer->header.type == FrameType::kPing) return frames;
        ADD_FAILURE() << "a frame came late";
        return frames;
      }
      if (!**next) return frames;
      frames.push_back(std::move(***next));
    }
  }

  /// A stream that the peer opens.
  std::unique_ptr<Stream> open_from_peer(std::uint32_t id) {
    send({FrameType::kWindowUpdate, kFlagSyn, id, 0});
    auto stream = run(session_->accept_stream());
    EXPECT_TRUE(stream);
    const Frame ack = receive();
    EXPECT_EQ(ack.header, (FrameHeader{FrameType::kWindowUpdate, kFlagAck, id, 0}));
    return std::move(*stream);
  }

  /// Sends a frame that breaks the rules: the session says so and ends.
  void expect_violation(const FrameHeader& header, base::ConstBytes payload = {}) {
    send(header, payload);
    auto accepted = run(session_->accept_stream());
    ASSERT_FALSE(accepted);
    EXPECT_EQ(accepted.error(), Error::kProtocolViolation);
    EXPECT_TRUE(session_->is_closed());
    Frame last = receive();
    while (last.header.type != FrameType::kGoAway) last = receive();
    EXPECT_EQ(last.header.length, static_cast<std::uint32_t>(GoAwayCode::kProtocolError));
    EXPECT_EQ(run(read_frame(*peer_)).error(), Error::kUnexpectedEof) << "go away is the last frame";
  }

  std::unique_ptr<Stream> peer_;
  std::shared_ptr<MuxedConnection> session_;
  std::uint32_t first_ping_ = 0;
};

TEST_F(YamuxPeerTest, AnOpenedStreamIsAnnouncedAtOnceAndItsDataFollow) {
  connect({}, true);
  auto stream = run(session_->open_stream()).value();
  EXPECT_TRUE(run(stream->write(pattern(5))));
  EXPECT_TRUE(run(stream->close_write()));
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagSyn, 1, 0}));
  const Frame data = receive();
  EXPECT_EQ(data.header, (FrameHeader{FrameType::kData, kNoFlags, 1, 5}));
  EXPECT_EQ(data.payload, pattern(5));
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kData, kFlagFin, 1, 0}));
}

TEST_F(YamuxPeerTest, ALargerWindowIsGrantedWithTheFirstFrame) {
  YamuxConfig config;
  config.receive_window_initial_bytes = 1024 * 1024;
  connect(config);
  auto ours = run(session_->open_stream()).value();
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagSyn, 2, 768 * 1024}));
  send({FrameType::kData, kFlagSyn, 1, 3}, pattern(3));
  auto theirs = run(session_->accept_stream()).value();
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagAck, 1, 768 * 1024}));
  send({FrameType::kData, kNoFlags, 1, 900'000}, pattern(900'000));
  EXPECT_TRUE(run(read_bytes(*theirs, 900'003)));
}

TEST_F(YamuxPeerTest, AStreamIsAcknowledgedWhenItIsAcceptedAndNotBefore) {
  connect();
  send({FrameType::kWindowUpdate, kFlagSyn, 1, 0});
  EXPECT_TRUE(receive_all().empty());
  auto stream = run(session_->accept_stream());
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagAck, 1, 0}));
}

TEST_F(YamuxPeerTest, FlagsMayRideOnDataFrames) {
  connect();
  send({FrameType::kData, kFlagSyn | kFlagFin, 1, 4}, pattern(4));
  auto stream = run(session_->accept_stream()).value();
  EXPECT_EQ(run(read_to_end(*stream)).value(), pattern(4));
}

TEST_F(YamuxPeerTest, AWindowUpdateMayCloseAStreamAndGiveCredit) {
  connect();
  auto stream = open_from_peer(1);
  const base::Bytes large = pattern(300'000);
  auto writing = start(stream->write(large));
  send({FrameType::kWindowUpdate, kFlagFin, 1, 100'000});
  EXPECT_TRUE(finish(writing));
  base::Bytes into(1);
  EXPECT_EQ(run(stream->read_some(into)).value(), 0u);
}

TEST_F(YamuxPeerTest, NothingIsSentBeyondTheWindow) {
  connect();
  auto stream = open_from_peer(1);
  const base::Bytes large = pattern(1'000'000);
  auto writing = start(stream->write(large));
  base::Bytes received;
  const auto take = [&] {
    for (const Frame& frame : receive_all()) {
      EXPECT_EQ(frame.header.type, FrameType::kData);
      EXPECT_LE(frame.header.length, 64u * 1024);
      base::append(received, frame.payload);
    }
  };
  take();
  EXPECT_EQ(received.size(), kInitialWindowBytes);
  send({FrameType::kWindowUpdate, kNoFlags, 1, 1});
  take();
  EXPECT_EQ(received.size(), kInitialWindowBytes + 1);
  send({FrameType::kWindowUpdate, kNoFlags, 1, 2'000'000});
  take();
  EXPECT_TRUE(received == large);
  EXPECT_TRUE(finish(writing));
}

TEST_F(YamuxPeerTest, CreditIsGivenOnceHalfAWindowHasBeenRead) {
  connect();
  auto stream = open_from_peer(1);
  send({FrameType::kData, kNoFlags, 1, 200'000}, pattern(200'000));
  EXPECT_TRUE(receive_all().empty()) << "nothing has been read";
  EXPECT_TRUE(run(read_bytes(*stream, 131'071)));
  EXPECT_TRUE(receive_all().empty());
  EXPECT_TRUE(run(read_bytes(*stream, 1)));
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kNoFlags, 1, 131'072}));
}

TEST_F(YamuxPeerTest, AWindowGrowsWhileItIsReadFasterThanTheRoundTrip) {
  YamuxConfig config;
  config.receive_window_max_bytes = 1'000'000;
  connect(config);
  clock_.advance(10ms);
  send({FrameType::kPing, kFlagAck, 0, first_ping_});
  auto stream = open_from_peer(1);
  const auto credit_after = [&](std::size_t bytes, base::Duration time) {
    send({FrameType::kData, kNoFlags, 1, static_cast<std::uint32_t>(bytes)}, pattern(bytes));
    clock_.advance(time);
    EXPECT_TRUE(run(read_bytes(*stream, bytes)));
    return receive().header.length;
  };
  EXPECT_EQ(credit_after(200'000, 1s), 200'000u) << "slow";
  EXPECT_EQ(credit_after(200'000, 5ms), 200'000u + 262'144) << "fast: the window doubles";
  EXPECT_EQ(credit_after(300'000, 5ms), 300'000u + 475'712) << "fast: up to the maximum";
  EXPECT_EQ(credit_after(510'000, 5ms), 510'000u);
}

TEST_F(YamuxPeerTest, WindowsGrowWithinTheBoundOfTheSession) {
  YamuxConfig config;
  config.window_growth_bytes_max = 300'000;
  connect(config);
  clock_.advance(10ms);
  send({FrameType::kPing, kFlagAck, 0, first_ping_});
  const auto credit_on = [&](Stream& stream, std::uint32_t id) {
    send({FrameType::kData, kNoFlags, id, 200'000}, pattern(200'000));
    EXPECT_TRUE(run(read_bytes(stream, 200'000)));
    return receive().header.length;
  };
  auto first = open_from_peer(1);
  auto second = open_from_peer(3);
  EXPECT_EQ(credit_on(*first, 1), 200'000u + 262'144);
  EXPECT_EQ(credit_on(*second, 3), 200'000u + 37'856);
  send({FrameType::kWindowUpdate, kFlagRst, 1, 0});
  auto third = open_from_peer(5);
  EXPECT_EQ(credit_on(*third, 5), 200'000u + 262'144) << "what the first had is free again";
}

TEST_F(YamuxPeerTest, WritersTakeTurns) {
  connect({}, false, 1000);
  auto first = open_from_peer(1);
  auto second = open_from_peer(3);
  const base::Bytes large = pattern(200'000);
  auto writing_first = start(first->write(large));
  auto writing_second = start(second->write(large));
  std::vector<std::uint32_t> order;
  for (int i = 0; i < 6; ++i) order.push_back(receive().header.stream_id);
  EXPECT_EQ(order, (std::vector<std::uint32_t>{1, 3, 1, 3, 1, 3}));
}

TEST_F(YamuxPeerTest, APingIsAnsweredWhileAWriteWaitsForCredit) {
  connect();
  auto stream = open_from_peer(1);
  const base::Bytes large = pattern(1'000'000);
  auto writing = start(stream->write(large));
  std::size_t received = 0;
  while (received < kInitialWindowBytes) received += receive().payload.size();
  send({FrameType::kPing, kFlagSyn, 0, 1234});
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kPing, kFlagAck, 0, 1234}));
  EXPECT_FALSE(writing->has_value());
}

TEST_F(YamuxPeerTest, APingIsAnsweredAheadOfQueuedData) {
  connect({}, false, 1000);
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::uint32_t id = 1; id < 41; id += 2) streams.push_back(open_from_peer(id));
  const base::Bytes large = pattern(250'000);
  for (auto& stream : streams) start(stream->write(large));  // 5 MB in all; a batch is half a MB
  send({FrameType::kPing, kFlagSyn, 0, 1234});
  std::size_t before = 0;
  for (Frame frame = receive(); frame.header.type != FrameType::kPing; frame = receive()) {
    before += frame.payload.size();
  }
  EXPECT_LT(before, 600'000u);
}

TEST_F(YamuxPeerTest, APeerThatReadsNoAnswersIsReadNoFurther) {
  YamuxConfig config;
  config.pings_per_second_max = SIZE_MAX;
  config.control_frames_max = 50;
  connect(config, false, 500);
  base::Bytes pings;
  for (std::uint32_t i = 0; i < 100'000; ++i) base::append(pings, to_wire({FrameType::kPing, kFlagSyn, 0, i}));
  auto sending = start(peer_->write(pings));
  poll();
  EXPECT_FALSE(sending->has_value());
  // Once it reads, all of them are answered.
  for (std::uint32_t i = 0; i < 100'000; ++i) ASSERT_EQ(receive().header.length, i);
  EXPECT_TRUE(finish(sending));
}

base::Task<bool> accept_all(std::shared_ptr<MuxedConnection> session, std::vector<std::unique_ptr<Stream>>& into) {
  for (;;) {
    auto stream = co_await session->accept_stream();
    if (!stream) co_return true;
    into.push_back(std::move(*stream));
  }
}

TEST_F(YamuxPeerTest, APeerThatOpensAndResetsStreamsAndReadsNothingIsReadNoFurther) {
  YamuxConfig config;
  config.streams_max = 20;
  config.control_frames_max = 50;
  connect(config, false, 500);
  std::vector<std::unique_ptr<Stream>> accepted;
  start(accept_all(session_, accepted));
  base::Bytes frames;
  // The answers to these fill the connection.
  for (std::uint32_t i = 0; i < 45; ++i) base::append(frames, to_wire({FrameType::kPing, kFlagSyn, 0, i}));
  for (std::uint32_t id = 1; id < 100'000; id += 2) {
    base::append(frames, to_wire({FrameType::kWindowUpdate, kFlagSyn, id, 0}));
    if (id > 1) base::append(frames, to_wire({FrameType::kWindowUpdate, kFlagRst, id - 2, 0}));
  }
  auto sending = start(peer_->write(frames));
  poll();
  EXPECT_FALSE(sending->has_value());
  EXPECT_LT(accepted.size(), 500u);
}

TEST_F(YamuxPeerTest, UselessFramesEndTheSessionIfTheyAreMany) {
  struct Case {
    const char* what;
    FrameHeader header;
  };
  for (const Case& c : {
           Case{"data without bytes", {FrameType::kData, kNoFlags, 1, 0}},
           Case{"no credit", {FrameType::kWindowUpdate, kNoFlags, 1, 0}},
           Case{"an acknowledgement that is none", {FrameType::kWindowUpdate, kFlagAck, 1, 0}},
           Case{"a reset of no stream", {FrameType::kData, kFlagRst, 99, 0}},
           Case{"data for no stream", {FrameType::kData, kNoFlags, 99, 1}},
       }) {
    SCOPED_TRACE(c.what);
    YamuxConfig config;
    config.useless_frames_per_second_max = 10;
    connect(config);
    auto stream = open_from_peer(1);
    const base::Bytes payload(c.header.stream_id == 99 ? c.header.length : 0);
    for (int i = 0; i < 20; ++i) send(c.header, payload);
    EXPECT_TRUE(receive_all().empty());
    for (int second = 0; second < 5; ++second) {
      clock_.advance(1s);
      for (int i = 0; i < 10; ++i) send(c.header, payload);
      EXPECT_TRUE(receive_all().empty());
    }
    expect_violation(c.header, payload);
  }
}

TEST_F(YamuxPeerTest, StreamsThatAreTakenBackEndTheSessionIfTheyAreMany) {
  YamuxConfig config;
  config.useless_frames_per_second_max = 10;
  connect(config);
  std::vector<std::unique_ptr<Stream>> accepted;
  for (std::uint32_t id = 1; id < 41; id += 2) {
    open_from_peer(id);  // and drop it, which is the peer's right too
    EXPECT_EQ(receive().header.flags, kFlagRst);
  }
  for (std::uint32_t id = 41; id < 81; id += 2) {
    accepted.push_back(open_from_peer(id));
    send({FrameType::kWindowUpdate, kFlagRst, id, 0});
  }
  EXPECT_TRUE(receive_all().empty());
  send({FrameType::kWindowUpdate, kFlagSyn, 81, 0});
  expect_violation({FrameType::kWindowUpdate, kFlagRst, 81, 0});
}

TEST_F(YamuxPeerTest, CrumbsOfCreditEndTheSessionIfTheyAreMany) {
  YamuxConfig config;
  config.useless_frames_per_second_max = 10;
  connect(config);
  auto stream = open_from_peer(1);
  for (int i = 0; i < 100; ++i) send({FrameType::kWindowUpdate, kNoFlags, 1, 1});
  EXPECT_TRUE(receive_all().empty()) << "they do no harm while the window is large";
  const base::Bytes large = pattern(kInitialWindowBytes + 1000);
  auto writing = start(stream->write(large));
  for (std::size_t received = 0; received < kInitialWindowBytes + 100;) received += receive().payload.size();
  for (int i = 0; i < 20; ++i) {
    send({FrameType::kWindowUpdate, kNoFlags, 1, 1});
    EXPECT_EQ(receive().payload.size(), 1u);
  }
  expect_violation({FrameType::kWindowUpdate, kNoFlags, 1, 1});
}

TEST_F(YamuxPeerTest, WhatNobodyReadsIsBoundedBesideTheWindows) {
  YamuxConfig config;
  config.received_bytes_max = 1'000'000;
  connect(config);
  std::vector<std::unique_ptr<Stream>> streams;
  for (std::uint32_t id = 1; id < 11; id += 2) streams.push_back(open_from_peer(id));
  for (std::uint32_t id = 1; id < 9; id += 2) {
    send({FrameType::kData, kNoFlags, id, 200'000 + id}, pattern(200'000 + id));
  }
  EXPECT_TRUE(receive_all().empty());
  send({FrameType::kData, kNoFlags, 9, 199'990}, pattern(199'990));
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagRst, 7, 0})) << "it held most";
  base::Bytes into(1);
  EXPECT_EQ(run(streams[3]->read_some(into)).error(), Error::kReset);
  EXPECT_TRUE(run(read_bytes(*streams[0], 200'001)));
  EXPECT_TRUE(run(read_bytes(*streams[4], 199'990)));
}

TEST_F(YamuxPeerTest, SessionsOfOneMuxerShareWhatTheyMayHold) {
  YamuxConfig config;
  config.received_bytes_max_all = 300'000;
  YamuxMuxer muxer(clock_, config);
  struct End {
    std::unique_ptr<Stream> peer;
    std::shared_ptr<MuxedConnection> session;
    std::unique_ptr<Stream> stream;
  };
  const auto fill = [&](End& end, std::size_t bytes) {
    const base::Bytes frame =
        to_wire({FrameType::kData, kNoFlags, 1, static_cast<std::uint32_t>(bytes)}, pattern(bytes));
    EXPECT_TRUE(run(end.peer->write(frame)));
    poll();
  };
  std::array<End, 2> ends;
  for (End& end : ends) {
    auto [left, right] = testing::make_memory_pipe(io_.get_executor(), {.capacity_bytes = 1'000'000});
    end.peer = std::move(right);
    end.session = muxer.start(io_.get_executor(), std::move(left), false);
    EXPECT_TRUE(run(end.peer->write(to_wire({FrameType::kWindowUpdate, kFlagSyn, 1, 0}))));
    end.stream = run(end.session->accept_stream()).value();
  }
  fill(ends[0], 200'000);
  fill(ends[1], 140'000);
  EXPECT_EQ(ends[0].session->stream_count(), 1u);
  EXPECT_EQ(ends[1].session->stream_count(), 1u) << "it is within its half";
  fill(ends[0], 1);
  EXPECT_EQ(ends[0].session->stream_count(), 0u);
  base::Bytes into(1);
  EXPECT_EQ(run(ends[0].stream->read_some(into)).error(), Error::kReset);
  EXPECT_TRUE(run(read_bytes(*ends[1].stream, 140'000)));
}

TEST_F(YamuxPeerTest, AStreamThatIsReadHoldsNothing) {
  YamuxConfig config;
  config.received_bytes_max = 100'000;
  connect(config);
  auto stream = open_from_peer(1);
  base::Bytes into(300'000);
  auto reading = start(read_bytes(*stream, 250'000));
  poll();
  send({FrameType::kData, kNoFlags, 1, 250'000}, pattern(250'000));
  EXPECT_TRUE(finish(reading));
}

TEST_F(YamuxPeerTest, TooManyPingsEndTheSession) {
  YamuxConfig config;
  config.pings_per_second_max = 10;
  connect(config);
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t i = 0; i < 10; ++i) {
      send({FrameType::kPing, kFlagSyn, 0, i});
      EXPECT_EQ(receive().header.length, i);
    }
    clock_.advance(1s);
  }
  for (std::uint32_t i = 0; i < 10; ++i) send({FrameType::kPing, kFlagSyn, 0, i});
  expect_violation({FrameType::kPing, kFlagSyn, 0, 10});
}

TEST_F(YamuxPeerTest, FramesOfAStreamThatWasJustResetAreDroppedWithoutCredit) {
  connect();
  auto stream = open_from_peer(1);
  stream->reset();
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagRst, 1, 0}));
  for (int i = 0; i < 3; ++i) send({FrameType::kData, kNoFlags, 1, 250'000}, pattern(250'000));
  send({FrameType::kWindowUpdate, kNoFlags, 1, 0xffffffff});
  send({FrameType::kWindowUpdate, kFlagRst, 1, 0});
  send({FrameType::kData, kFlagFin, 1, 0});
  send({FrameType::kData, kFlagRst, 99, 0});  // reset before its first frame was sent
  EXPECT_TRUE(receive_all().empty());
  auto next = open_from_peer(3);
  send({FrameType::kData, kNoFlags, 3, 5}, pattern(5));
  EXPECT_EQ(run(read_bytes(*next, 5)).value(), pattern(5));
}

TEST_F(YamuxPeerTest, AStreamThatIsResetInTheMiddleOfAFrameTakesNoMoreOfIt) {
  connect();
  auto stream = open_from_peer(1);
  base::Bytes into(1000);
  auto reading = start(stream->read_some(into));
  const base::Bytes bytes = to_wire({FrameType::kData, kNoFlags, 1, 100}, pattern(100));
  EXPECT_TRUE(run(peer_->write(base::ConstBytes(bytes).first(50))));
  EXPECT_EQ(finish(reading).value(), 38u) << "what has come is handed over before the frame is whole";
  reading = start(stream->read_some(into));
  poll();
  stream->reset();
  EXPECT_EQ(finish(reading).error(), Error::kReset);
  EXPECT_TRUE(run(peer_->write(base::ConstBytes(bytes).subspan(50))));
  EXPECT_EQ(receive().header.flags, kFlagRst);
  open_from_peer(3);
}

TEST_F(YamuxPeerTest, WhatIsWholeCanBeReadThoughAResetFollows) {
  connect();
  auto stream = open_from_peer(1);
  send({FrameType::kData, kFlagFin, 1, 100}, pattern(100));
  send({FrameType::kData, kFlagRst, 1, 0});
  EXPECT_EQ(run(stream->write(pattern(1))).error(), Error::kReset);
  EXPECT_EQ(session_->stream_count(), 1u) << "as long as it holds something";
  EXPECT_EQ(run(read_bytes(*stream, 100)).value(), pattern(100));
  base::Bytes into(1);
  EXPECT_EQ(run(stream->read_some(into)).value(), 0u);
  EXPECT_EQ(session_->stream_count(), 0u);
  EXPECT_TRUE(receive_all().empty());
}

TEST_F(YamuxPeerTest, WhatIsWholeAndWasResetGoesWithItsHandle) {
  connect();
  auto stream = open_from_peer(1);
  send({FrameType::kData, kFlagFin, 1, 100}, pattern(100));
  send({FrameType::kData, kFlagRst, 1, 0});
  poll();
  stream.reset();
  EXPECT_EQ(session_->stream_count(), 0u);
  EXPECT_TRUE(receive_all().empty());
}

TEST_F(YamuxPeerTest, WhatIsWholeAndWasResetCountsAmongWhatNobodyReads) {
  YamuxConfig config;
  config.received_bytes_max = 300'000;
  connect(config);
  auto first = open_from_peer(1);
  auto second = open_from_peer(3);
  send({FrameType::kData, kFlagFin, 1, 200'000}, pattern(200'000));
  send({FrameType::kData, kFlagRst, 1, 0});
  send({FrameType::kData, kNoFlags, 3, 150'000}, pattern(150'000));
  poll();
  EXPECT_EQ(session_->stream_count(), 1u) << "the first held most";
  base::Bytes into(1);
  EXPECT_EQ(run(first->read_some(into)).error(), Error::kReset);
  EXPECT_TRUE(run(read_bytes(*second, 150'000)));
}

TEST_F(YamuxPeerTest, AResetThatCarriesANumberIsNoCredit) {
  connect();
  auto stream = open_from_peer(1);
  send({FrameType::kWindowUpdate, kNoFlags, 1, 0xffffffff - kInitialWindowBytes});
  send({FrameType::kWindowUpdate, kFlagRst, 1, 5});
  base::Bytes into(1);
  EXPECT_EQ(run(stream->read_some(into)).error(), Error::kReset);
  EXPECT_FALSE(session_->is_closed());
}

TEST_F(YamuxPeerTest, StreamsBeyondTheBacklogAreReset) {
  YamuxConfig config;
  config.accept_backlog_max = 3;
  connect(config);
  for (const std::uint32_t id : {1, 3, 5}) send({FrameType::kWindowUpdate, kFlagSyn, id, 0});
  send({FrameType::kData, kFlagSyn, 7, 1000}, pattern(1000));
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagRst, 7, 0}));
  send({FrameType::kData, kNoFlags, 7, 1000}, pattern(1000));
  // One that the peer gives up makes room.
  send({FrameType::kWindowUpdate, kFlagRst, 3, 0});
  send({FrameType::kWindowUpdate, kFlagSyn, 9, 0});
  EXPECT_TRUE(receive_all().empty());
  for (const std::uint32_t id : {1, 5, 9}) {
    auto stream = run(session_->accept_stream());
    ASSERT_TRUE(stream);
    EXPECT_EQ(receive().header, (FrameHeader{FrameType::kWindowUpdate, kFlagAck, id, 0}));
    (*stream)->reset();
    EXPECT_EQ(receive().header.flags, kFlagRst);
  }
}

TEST_F(YamuxPeerTest, OurOwnUnacknowledgedStreamsAreBounded) {
  connect();
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 256; ++i) {
    auto stream = run(session_->open_stream());
    ASSERT_TRUE(stream);
    streams.push_back(std::move(*stream));
  }
  EXPECT_EQ(run(session_->open_stream()).error(), Error::kTooManyStreams);
  send({FrameType::kData, kFlagAck, 2, 0});
  poll();
  EXPECT_TRUE(run(session_->open_stream()));
  streams.erase(streams.begin() + 5);
  EXPECT_TRUE(run(session_->open_stream())) << "one that is gone counts no more";
}

TEST_F(YamuxPeerTest, AStreamThatIsResetBeforeItWasAnnouncedIsNeverAnnounced) {
  connect();
  run(session_->open_stream()).value().reset();
  EXPECT_TRUE(receive_all().empty());
}

TEST_F(YamuxPeerTest, BreakingTheRulesEndsTheSession) {
  const base::Bytes bytes = pattern(300'000);
  struct Case {
    const char* what;
    FrameHeader header;
    std::size_t payload_bytes;
  };
  for (const Case& c : {
           Case{"data beyond the window", {FrameType::kData, kNoFlags, 1, kInitialWindowBytes + 1}, 0},
           Case{"data beyond the window of a new stream", {FrameType::kData, kFlagSyn, 3, kInitialWindowBytes + 1}, 0},
           Case{"more data than any window for no stream", {FrameType::kData, kNoFlags, 3, 16 * 1024 * 1024 + 1}, 0},
           Case{"an overflowing window", {FrameType::kWindowUpdate, kNoFlags, 1, 0xffffffff}, 0},
           Case{"opening a stream again", {FrameType::kWindowUpdate, kFlagSyn, 1, 0}, 0},
           Case{"opening a stream with our parity", {FrameType::kWindowUpdate, kFlagSyn, 2, 0}, 0},
           Case{"an answer to no ping", {FrameType::kPing, kFlagAck, 0, 999}, 0},
       }) {
    SCOPED_TRACE(c.what);
    connect();
    auto stream = open_from_peer(1);
    expect_violation(c.header, base::ConstBytes(bytes).first(c.payload_bytes));
    base::Bytes into(1);
    EXPECT_EQ(run(stream->read_some(into)).error(), Error::kProtocolViolation);
  }
}

TEST_F(YamuxPeerTest, DataAfterTheEndOfAStreamEndsTheSession) {
  connect();
  auto stream = open_from_peer(1);
  send({FrameType::kData, kFlagFin, 1, 0});
  expect_violation({FrameType::kData, kNoFlags, 1, 1}, pattern(1));
}

TEST_F(YamuxPeerTest, TheWindowCountsWhatWasNotReadYet) {
  connect();
  auto stream = open_from_peer(1);
  send({FrameType::kData, kNoFlags, 1, 200'000}, pattern(200'000));
  expect_violation({FrameType::kData, kNoFlags, 1, 62'145}, pattern(62'145));
}

TEST_F(YamuxPeerTest, AnUnknownTypeEndsTheSession) {
  connect();
  expect_violation({static_cast<FrameType>(4), kNoFlags, 1, 0});
}

TEST_F(YamuxPeerTest, AfterGoAwayOpenStreamsGoOnAndNoNewOnesOpen) {
  connect();
  auto stream = open_from_peer(1);
  EXPECT_TRUE(session_->takes_streams());
  send({FrameType::kGoAway, kNoFlags, 0, 0});
  send({FrameType::kData, kFlagFin, 1, 5}, pattern(5));
  EXPECT_EQ(run(read_to_end(*stream)).value(), pattern(5));
  EXPECT_FALSE(session_->takes_streams());
  EXPECT_FALSE(session_->is_closed());
  EXPECT_EQ(run(session_->open_stream()).error(), Error::kConnectionClosed);
  EXPECT_TRUE(run(write_and_close(*stream, pattern(6))));
  EXPECT_EQ(receive().payload, pattern(6));
  EXPECT_EQ(receive().header.flags, kFlagFin);
  EXPECT_EQ(receive().header, (FrameHeader{FrameType::kGoAway, kNoFlags, 0, 0})) << "the last stream has ended";
  EXPECT_TRUE(session_->is_closed());
}

TEST_F(YamuxPeerTest, CloseGivesUpOnAPeerThatNeitherReadsNorCloses) {
  connect({}, false, 1000);
  auto stream = open_from_peer(1);
  const base::Bytes large = pattern(100'000);
  auto writing = start(stream->write(large));
  poll();
  auto closed = std::make_shared<bool>(false);
  base::spawn(io_.get_executor(), [](auto session, auto done) -> base::Task<> {
    co_await session->close();
    *done = true;
  }(session_, closed));
  poll();
  EXPECT_TRUE(session_->is_closed());
  EXPECT_FALSE(*closed);
  clock_.advance(2s);
  poll();
  EXPECT_TRUE(*closed);
  EXPECT_EQ(finish(writing).error(), Error::kConnectionClosed);
}

TEST_F(YamuxPeerTest, AnUnansweredPingEndsTheSession) {
  connect();
  send({FrameType::kPing, kFlagAck, 0, first_ping_});
  auto accepting = start(session_->accept_stream());
  poll();
  clock_.advance(30s);
  const Frame ping = receive();
  EXPECT_EQ(ping.header.type, FrameType::kPing);
  EXPECT_NE(ping.header.length, first_ping_);
  clock_.advance(14s);
  poll();
  EXPECT_FALSE(accepting->has_value());
  clock_.advance(1s);
  EXPECT_EQ(finish(accepting).error(), Error::kTimeout);
}

TEST_F(YamuxPeerTest, AnAnsweredPingKeepsTheSession) {
  connect();
  send({FrameType::kPing, kFlagAck, 0, first_ping_});
  poll();
  for (int i = 0; i < 10; ++i) {
    clock_.advance(i == 0 ? 30s : 20s);
    const Frame ping = receive();
    clock_.advance(10s);
    send({FrameType::kPing, kFlagAck, 0, ping.header.length});
    poll();
  }
  EXPECT_FALSE(session_->is_closed());
}

TEST_F(YamuxPeerTest, APeerThatSendsIsAliveEvenIfItsAnswerIsLate) {
  connect();
  auto stream = open_from_peer(1);
  for (int i = 0; i < 10; ++i) {
    clock_.advance(10s);
    send({FrameType::kData, kNoFlags, 1, 5}, pattern(5));
    poll();
    EXPECT_FALSE(session_->is_closed());
  }
  send({FrameType::kPing, kFlagAck, 0, first_ping_});
  poll();
  EXPECT_FALSE(session_->is_closed());
}

TEST_F(YamuxPeerTest, ASmallWriteThatIsResetReturnsAtOnceThoughTheConnectionIsStuck) {
  connect({}, false, 100);
  auto stream = open_from_peer(1);
  const base::Bytes bytes = pattern(1000);
  auto writing = start(stream->write(bytes));
  poll();
  EXPECT_FALSE(writing->has_value());
  stream->reset();
  EXPECT_EQ(finish(writing).error(), Error::kReset);
  EXPECT_FALSE(session_->is_closed());
}

TEST_F(YamuxPeerTest, ALargeWriteThatIsResetReturnsOnceItsBatchIsOut) {
  connect({}, false, 1000);
  auto stream = open_from_peer(1);
  const base::Bytes bytes = pattern(1'000'000);
  auto writing = start(stream->write(bytes));
  poll();
  stream->reset();
  poll();
  EXPECT_FALSE(writing->has_value()) << "the connection is reading from the buffer";
  for (std::size_t read = 0; read < kInitialWindowBytes;) read += receive().payload.size();
  EXPECT_EQ(finish(writing).error(), Error::kReset);
  EXPECT_EQ(receive().header.flags, kFlagRst);
  clock_.advance(5s);
  EXPECT_FALSE(session_->is_closed());
}

TEST_F(YamuxPeerTest, ALargeWriteThatIsResetWhileTheConnectionIsStuckEndsTheSession) {
  connect({}, false, 1000);
  auto stream = open_from_peer(1);
  const base::Bytes bytes = pattern(1'000'000);
  auto writing = start(stream->write(bytes));
  poll();
  stream->reset();
  poll();
  clock_.advance(5s);
  EXPECT_EQ(finish(writing).error(), Error::kReset);
  EXPECT_TRUE(session_->is_closed());
  EXPECT_EQ(run(session_->accept_stream()).error(), Error::kTimeout);
}

/// Copies what it is to write before it writes it.
class CopyingStream final : public Stream {
 public:
  explicit CopyingStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}
  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override { return inner_->read_some(into); }
  base::Task<base::Result<>> write(base::ConstBytes bytes) override { return inner_->write(bytes); }
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override {
    base::Bytes copy;
    for (const base::ConstBytes buffer : buffers) base::append(copy, buffer);
    auto written = co_await inner_->write(copy);
    co_return written;
  }
  bool detach_buffers() override { return true; }
  base::Task<base::Result<>> close_write() override { return inner_->close_write(); }
  void reset() noexcept override { inner_->reset(); }

 private:
  std::unique_ptr<Stream> inner_;
};

TEST_F(YamuxPeerTest, ALargeWriteThatIsResetReturnsAtOnceWhereTheConnectionGivesItsBuffersBack) {
  auto [left, right] = testing::make_memory_pipe(io_.get_executor(), {.capacity_bytes = 1000});
  peer_ = std::move(right);
  session_ = YamuxMuxer(clock_).start(io_.get_executor(), std::make_unique<CopyingStream>(std::move(left)), false);
  receive();  // the ping
  auto first = open_from_peer(1);
  auto second = open_from_peer(3);
  base::Bytes bytes = pattern(200'000);
  const base::Bytes others = pattern(200'000, 3);
  auto writing = start(first->write(bytes));
  auto writing_others = start(second->write(others));
  poll();
  first->reset();
  EXPECT_EQ(finish(writing).error(), Error::kReset);
  bytes.assign(bytes.size(), 0);
  EXPECT_FALSE(writing_others->has_value());
  clock_.advance(5s);
  EXPECT_FALSE(session_->is_closed());
  base::Bytes received;
  base::Bytes received_others;
  while (received_others.size() < others.size()) {
    const Frame frame = receive();
    if (frame.header.type == FrameType::kData) {
      base::append(frame.header.stream_id == 1 ? received : received_others, frame.payload);
    }
  }
  EXPECT_TRUE(finish(writing_others));
  EXPECT_TRUE(received_others == others);
  EXPECT_TRUE(std::equal(received.begin(), received.end(), pattern(200'000).begin())) << "as it was when it was taken";
}

TEST_F(YamuxPeerTest, TheEndOfTheConnectionEndsTheSession) {
  connect();
  auto stream = open_from_peer(1);
  base::Bytes into(1);
  auto reading = start(stream->read_some(into));
  EXPECT_TRUE(run(peer_->close_write()));
  EXPECT_EQ(finish(reading).error(), Error::kConnectionClosed);
  EXPECT_EQ(run(session_->accept_stream()).error(), Error::kConnectionClosed);
  EXPECT_EQ(receive().header.type, FrameType::kGoAway);
}

TEST_F(YamuxPeerTest, TheEndOfTheConnectionInTheMiddleOfAFrameEndsTheSession) {
  for (const std::size_t count : {1u, 11u, 12u, 50u}) {
    connect();
    auto stream = open_from_peer(1);
    const base::Bytes bytes = to_wire({FrameType::kData, kNoFlags, 1, 100}, pattern(100));
    EXPECT_TRUE(run(peer_->write(base::ConstBytes(bytes).first(count))));
    EXPECT_TRUE(run(peer_->close_write()));
    EXPECT_EQ(run(read_to_end(*stream)).error(), Error::kConnectionClosed);
  }
}

}  // namespace
}  // namespace libp2p::yamux
