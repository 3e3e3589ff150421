// Two of our sessions against each other, over a pipe.
#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/yamux_test_support.h"

#include <malloc.h>

#include <numeric>

namespace libp2p::yamux {
namespace {

using namespace std::chrono_literals;

class YamuxSessionTest : public CoroutineTest {
 protected:
  void connect(testing::MemoryPipeOptions options = {}, YamuxConfig config = {}) {
    auto [left, right] = testing::make_memory_pipe(io_.get_executor(), options);
    YamuxMuxer muxer(clock_, config);
    dialler_ = muxer.start(io_.get_executor(), std::move(left), true);
    listener_ = muxer.start(io_.get_executor(), std::move(right), false);
  }

  /// A stream, as both sides have it: the dialler's and the listener's.
  std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> open() {
    auto ours = run(dialler_->open_stream());
    auto theirs = run(listener_->accept_stream());
    EXPECT_TRUE(ours && theirs);
    return {std::move(*ours), std::move(*theirs)};
  }

  std::shared_ptr<MuxedConnection> dialler_;
  std::shared_ptr<MuxedConnection> listener_;
};

TEST_F(YamuxSessionTest, BytesComeBackFromAnEchoOverShortReads) {
  for (const bool available : {false, true}) {
    connect({.capacity_bytes = 1000, .read_bytes_max = 7, .offers_read_available = available});
    start(serve_echo(listener_, io_.get_executor()));
    const base::Bytes sent = pattern(300'000);  // more than a window
    auto stream = run(dialler_->open_stream()).value();
    auto written = start(write_and_close(*stream, sent));
    auto received = run(read_to_end(*stream));
    ASSERT_TRUE(received) << received.error().message();
    EXPECT_TRUE(*received == sent);
    EXPECT_TRUE(finish(written));
    poll();
    EXPECT_EQ(dialler_->stream_count(), 0u);
    EXPECT_EQ(listener_->stream_count(), 0u);
  }
}

TEST_F(YamuxSessionTest, BothSidesOpenStreams) {
  connect();
  for (auto [opens, accepts] : {std::pair(dialler_, listener_), std::pair(listener_, dialler_)}) {
    auto ours = run(opens->open_stream()).value();
    auto theirs = run(accepts->accept_stream()).value();
    EXPECT_TRUE(run(theirs->write(pattern(10)))) << "the side that accepted may speak first";
    EXPECT_EQ(run(read_bytes(*ours, 10)).value(), pattern(10));
  }
}

base::Task<bool> echo_once(std::shared_ptr<MuxedConnection> session, base::Executor executor, std::uint32_t seed) {
  auto stream = co_await session->open_stream();
  if (!stream) co_return false;
  const base::Bytes sent = pattern(20'000 + seed * 500, seed);
  base::spawn(executor, discard_result(write_and_close(**stream, sent)));
  auto received = co_await read_to_end(**stream);
  co_return received&&* received == sent;
}

TEST_F(YamuxSessionTest, TwoHundredStreamsAtOnceEachArriveWhole) {
  connect({.capacity_bytes = 30'000, .read_bytes_max = 10'000, .offers_read_available = true});
  start(serve_echo(listener_, io_.get_executor()));
  start(serve_echo(dialler_, io_.get_executor()));
  std::vector<Started<bool>> echoes;
  for (std::uint32_t i = 0; i < 200; ++i) {
    echoes.push_back(start(echo_once(i % 2 ? dialler_ : listener_, io_.get_executor(), i)));
  }
  for (auto& echoed : echoes) EXPECT_TRUE(finish(echoed));
  poll();
  EXPECT_EQ(dialler_->stream_count(), 0u);
}

TEST_F(YamuxSessionTest, AStreamThatNobodyReadsHoldsUpNoOther) {
  connect();
  auto [unread, unread_theirs] = open();
  const base::Bytes large = pattern(1'000'000, 1);
  auto blocked = start(unread->write(large));
  poll();
  EXPECT_FALSE(blocked->has_value());
  // Another one, meanwhile.
  auto [ours, theirs] = open();
  auto echoed = start(echo(std::move(theirs)));
  const base::Bytes sent = pattern(3'000'000, 2);
  auto written = start(write_and_close(*ours, sent));
  EXPECT_TRUE(run(read_to_end(*ours)).value() == sent);
  EXPECT_FALSE(blocked->has_value());
  // What waits unread is one window, and then the rest comes.
  base::Bytes waiting(2'000'000);
  waiting.resize(unread_theirs->read_available(waiting));
  EXPECT_EQ(waiting.size(), kInitialWindowBytes);
  auto rest = run(read_bytes(*unread_theirs, large.size() - waiting.size()));
  ASSERT_TRUE(rest);
  base::append(waiting, *rest);
  EXPECT_TRUE(waiting == large);
  EXPECT_TRUE(finish(blocked));
}

TEST_F(YamuxSessionTest, ClosingOneDirectionLeavesTheOther) {
  connect();
  auto [ours, theirs] = open();
  EXPECT_TRUE(run(write_and_close(*ours, pattern(100))));
  EXPECT_TRUE(run(ours->close_write())) << "closing again changes nothing";
  EXPECT_EQ(run(ours->write(pattern(1))).error(), Error::kConnectionClosed);
  EXPECT_EQ(run(read_to_end(*theirs)).value(), pattern(100));
  base::Bytes more(10);
  EXPECT_EQ(run(theirs->read_some(more)).value(), 0u) << "the end stays the end";
  const base::Bytes answer = pattern(700'000);
  auto written = start(write_and_close(*theirs, answer));
  EXPECT_TRUE(run(read_to_end(*ours)).value() == answer);
  EXPECT_TRUE(finish(written));
  EXPECT_EQ(dialler_->stream_count(), 0u);
  EXPECT_EQ(listener_->stream_count(), 0u);
}

TEST_F(YamuxSessionTest, WhatWasSentIsReadAfterBothSidesHaveClosed) {
  connect();
  auto [ours, theirs] = open();
  EXPECT_TRUE(run(write_and_close(*ours, pattern(100'000))));
  EXPECT_TRUE(run(theirs->close_write()));
  poll();
  EXPECT_EQ(listener_->stream_count(), 1u) << "what is buffered counts until it is read";
  EXPECT_TRUE(run(read_to_end(*theirs)).value() == pattern(100'000));
  EXPECT_EQ(listener_->stream_count(), 0u);
}

TEST_F(YamuxSessionTest, AResetEndsPendingOperationsOnBothSides) {
  connect();
  for (const bool by_reader : {false, true}) {
    auto [ours, theirs] = open();
    base::Bytes into(10);
    const base::Bytes large = pattern(1'000'000);
    auto reading = start(ours->read_some(into));
    auto writing = start(ours->write(large));
    poll();
    (by_reader ? theirs : ours)->reset();
    poll();
    EXPECT_EQ(finish(reading).error(), Error::kReset);
    EXPECT_EQ(finish(writing).error(), Error::kReset);
    EXPECT_EQ(run(theirs->read_some(into)).error(), Error::kReset) << "what was buffered is dropped";
    EXPECT_EQ(run(theirs->write(into)).error(), Error::kReset);
    EXPECT_EQ(run(theirs->close_write()).error(), Error::kReset);
    poll();
    EXPECT_EQ(dialler_->stream_count(), 0u);
    EXPECT_EQ(listener_->stream_count(), 0u);
  }
  auto [ours, theirs] = open();
  EXPECT_TRUE(run(ours->write(pattern(1)))) << "the session goes on";
}

TEST_F(YamuxSessionTest, DestroyingAnOpenStreamResetsIt) {
  connect();
  auto [ours, theirs] = open();
  ours.reset();
  base::Bytes into(10);
  EXPECT_EQ(run(theirs->read_some(into)).error(), Error::kReset);
}

TEST_F(YamuxSessionTest, DestroyingAStreamThatIsClosedBothWaysLosesNothing) {
  connect();
  auto [ours, theirs] = open();
  EXPECT_TRUE(run(theirs->close_write()));
  EXPECT_TRUE(run(read_to_end(*ours)));
  EXPECT_TRUE(run(write_and_close(*ours, pattern(200'000))));
  ours.reset();
  EXPECT_TRUE(run(read_to_end(*theirs)).value() == pattern(200'000));
}

TEST_F(YamuxSessionTest, GatheredBuffersArriveInOrder) {
  connect({.capacity_bytes = 100'000});
  auto [ours, theirs] = open();
  const base::Bytes sent = pattern(1'500'000);
  std::vector<base::ConstBytes> buffers{{}};
  std::size_t at = 0;
  for (std::size_t i = 0; at < sent.size(); ++i) {
    const std::size_t size = std::min(sent.size() - at, i < 1500 ? i % 13 : (i * 7919) % 150'000);
    buffers.push_back(base::ConstBytes(sent).subspan(at, size));
    at += size;
  }
  auto writing = start(ours->write_gather(buffers));
  auto received = run(read_bytes(*theirs, sent.size()));
  EXPECT_TRUE(received.value() == sent);
  EXPECT_TRUE(finish(writing));
  EXPECT_TRUE(run(ours->write_gather({})));
}

TEST_F(YamuxSessionTest, CloseEndsTheOtherSideToo) {
  connect();
  auto [ours, theirs] = open();
  auto [finished, finished_theirs] = open();
  EXPECT_TRUE(run(write_and_close(*finished, pattern(1000))));
  base::Bytes into(10);
  auto reading = start(theirs->read_some(into));
  auto accepting = start(listener_->accept_stream());
  auto closed = std::make_shared<bool>(false);
  base::spawn(io_.get_executor(), [](auto session, auto done) -> base::Task<> {
    co_await session->close();
    *done = true;
  }(dialler_, closed));
  EXPECT_TRUE(dialler_->is_closed() || !*closed);
  run_until([&] { return *closed; });
  EXPECT_TRUE(*closed) << "without waiting for a timeout";
  EXPECT_TRUE(dialler_->is_closed());
  EXPECT_TRUE(listener_->is_closed());
  EXPECT_EQ(finish(reading).error(), Error::kConnectionClosed);
  EXPECT_EQ(finish(accepting).error(), Error::kConnectionClosed);
  EXPECT_EQ(run(dialler_->open_stream()).error(), Error::kConnectionClosed);
  EXPECT_EQ(run(listener_->open_stream()).error(), Error::kConnectionClosed);
  EXPECT_EQ(run(ours->write(into)).error(), Error::kConnectionClosed);
  EXPECT_EQ(run(read_to_end(*finished_theirs)).value(), pattern(1000)) << "what was finished before is not lost";
}

TEST_F(YamuxSessionTest, AbortEndsTheOtherSideToo) {
  connect();
  auto [ours, theirs] = open();
  base::Bytes into(10);
  const base::Bytes large = pattern(5'000'000);
  auto reading = start(ours->read_some(into));
  auto writing = start(ours->write(large));
  auto their_reading = start(theirs->read_some(into));
  poll();
  dialler_->abort();
  dialler_->abort();
  EXPECT_TRUE(dialler_->is_closed());
  EXPECT_EQ(finish(reading).error(), Error::kConnectionClosed);
  EXPECT_EQ(finish(writing).error(), Error::kConnectionClosed);
  finish(their_reading);
  poll();
  EXPECT_TRUE(listener_->is_closed());
  EXPECT_EQ(dialler_->stream_count(), 0u);
}

TEST_F(YamuxSessionTest, StreamsOutliveTheirSession) {
  connect();
  auto [ours, theirs] = open();
  EXPECT_TRUE(run(ours->write(pattern(100))));
  poll();
  dialler_.reset();
  listener_.reset();
  poll();
  base::Bytes into(10);
  EXPECT_EQ(run(ours->read_some(into)).error(), Error::kConnectionClosed);
  EXPECT_EQ(run(theirs->write(into)).error(), Error::kConnectionClosed);
  theirs->reset();
}

TEST_F(YamuxSessionTest, ASessionThatIsDroppedInMidReadWakesTheReader) {
  connect();
  auto [ours, theirs] = open();
  base::Bytes into(10);
  auto reading = start(ours->read_some(into));
  auto accepting = start(dialler_->accept_stream());
  poll();
  dialler_.reset();
  EXPECT_EQ(finish(reading).error(), Error::kConnectionClosed);
  EXPECT_EQ(finish(accepting).error(), Error::kConnectionClosed);
}

TEST_F(YamuxSessionTest, TheDeathOfTheConnectionLeavesWhatWasReceived) {
  connect();
  auto [ours, theirs] = open();
  EXPECT_TRUE(run(ours->write(pattern(100))));
  poll();
  dialler_->abort();
  poll();
  EXPECT_EQ(run(read_bytes(*theirs, 100)).value(), pattern(100));
  base::Bytes into(10);
  EXPECT_EQ(run(theirs->read_some(into)).error(), Error::kConnectionClosed);
}

TEST_F(YamuxSessionTest, StreamsBeyondTheLimitAreRefused) {
  YamuxConfig config;
  config.streams_max = 5;
  connect({}, config);
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 5; ++i) streams.push_back(run(dialler_->open_stream()).value());
  EXPECT_EQ(run(dialler_->open_stream()).error(), Error::kTooManyStreams);
  streams.pop_back();
  EXPECT_TRUE(run(dialler_->open_stream()));
}

TEST_F(YamuxSessionTest, SessionsShareABudgetOfStreams) {
  connect();
  const auto budget = std::make_shared<StreamBudget>(3);
  listener_->set_stream_budget(budget);
  EXPECT_TRUE(budget->take()) << "by another session";
  std::vector<std::unique_ptr<Stream>> streams;
  for (int i = 0; i < 3; ++i) streams.push_back(run(dialler_->open_stream()).value());
  poll();
  EXPECT_EQ(listener_->stream_count(), 2u);
  EXPECT_EQ(run(listener_->open_stream()).error(), Error::kTooManyStreams);
  base::Bytes into(1);
  EXPECT_EQ(run(streams.back()->read_some(into)).error(), Error::kReset);
  streams.clear();
  poll();
  EXPECT_EQ(budget->taken(), 1u);
  auto stream = run(listener_->open_stream());
  ASSERT_TRUE(stream);
  EXPECT_EQ(budget->taken(), 2u);
  listener_->abort();
  EXPECT_EQ(budget->taken(), 1u) << "the end of the session gives all back";
}

base::Task<int> open_echo_close(std::shared_ptr<MuxedConnection> session, int count) {
  const base::Bytes sent = pattern(100);
  int good = 0;
  for (int i = 0; i < count; ++i) {
    auto stream = co_await session->open_stream();
    if (!stream) co_return good;
    auto written = co_await write_and_close(**stream, sent);
    if (!written) co_return good;
    if (i % 10 == 9) continue;  // reset instead
    auto received = co_await read_to_end(**stream);
    if (received && *received == sent) ++good;
  }
  co_return good;
}

TEST_F(YamuxSessionTest, TenThousandStreamsLeaveNothingBehind) {
  connect();
  start(serve_echo(listener_, io_.get_executor()));
  EXPECT_EQ(run(open_echo_close(dialler_, 1000)), 900);
  poll();
  const auto before = mallinfo2().uordblks;
  EXPECT_EQ(run(open_echo_close(dialler_, 9000)), 8100);
  poll();
  EXPECT_EQ(dialler_->stream_count(), 0u);
  EXPECT_EQ(listener_->stream_count(), 0u);
  EXPECT_LT(mallinfo2().uordblks, before + 64 * 1024);
}

}  // namespace
}  // namespace libp2p::yamux
