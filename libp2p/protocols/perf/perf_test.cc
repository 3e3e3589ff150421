#include "libp2p/protocols/perf/perf.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

class PerfTest : public ::testing::Test {
 protected:
  PerfTest() { std::tie(client_, server_) = testing::make_memory_pipe(io_.get_executor()); }

  void poll() {
    io_.restart();
    io_.poll();
  }
  void spawn(base::Task<> task) { base::spawn(io_.get_executor(), std::move(task)); }

  base::Task<> serve() {
    co_await serve_perf(clock_, std::move(server_));
    served_ = true;
  }
  base::Task<> measure(std::uint64_t upload_bytes, std::uint64_t download_bytes) {
    result_ = co_await measure_perf(clock_, std::move(client_), upload_bytes, download_bytes);
  }
  /// Plays the server by hand: reads all, answers with `bytes`.
  base::Task<> answer_with(std::size_t bytes) {
    base::Bytes chunk(1000);
    for (;;) {
      auto read = co_await server_->read_some(chunk);
      EXPECT_TRUE(read);
      if (!read || *read == 0) break;
      received_ += *read;
    }
    const base::Bytes answer(bytes);
    (void)co_await server_->write(answer);
    (void)co_await server_->close_write();
  }
  /// Plays the client by hand.
  base::Task<> send(base::Bytes bytes, bool close) {
    auto written = co_await client_->write(bytes);
    EXPECT_TRUE(written);
    if (close) (void)co_await client_->close_write();
  }
  base::Task<> receive() {
    base::Bytes chunk(1000);
    for (;;) {
      read_ = co_await client_->read_some(chunk);
      if (!*read_ || **read_ == 0) break;
      received_ += **read_;
    }
  }
  base::Error error() const { return result_ && !*result_ ? result_->error() : base::Error(); }

  boost::asio::io_context io_;
  base::ManualClock clock_;
  std::unique_ptr<Stream> client_;
  std::unique_ptr<Stream> server_;
  std::optional<base::Result<PerfResult>> result_;
  std::optional<base::Result<std::size_t>> read_;
  std::size_t received_ = 0;
  bool served_ = false;
};

class PerfSizeTest : public PerfTest, public ::testing::WithParamInterface<std::pair<std::uint64_t, std::uint64_t>> {};

TEST_P(PerfSizeTest, AsManyBytesAsAskedForGoUpAndDown) {
  spawn(serve());
  spawn(measure(GetParam().first, GetParam().second));
  poll();
  ASSERT_TRUE(result_);
  EXPECT_TRUE(*result_) << result_->error().message();
  EXPECT_TRUE(served_);
}

INSTANTIATE_TEST_SUITE_P(Sizes, PerfSizeTest,
                         ::testing::Values(std::pair(0, 0), std::pair(1, 0), std::pair(0, 1),
                                           std::pair(3 * kPerfChunkBytes + 1, 0), std::pair(0, 3 * kPerfChunkBytes + 1),
                                           std::pair(10'000'000, 10'000'000)));

TEST_F(PerfTest, TheUploadIsAllThatTheServerReads) {
  spawn(answer_with(0));
  spawn(measure(123'456, 0));
  poll();
  ASSERT_TRUE(result_);
  EXPECT_TRUE(*result_);
  EXPECT_EQ(received_, 8u + 123'456);
}

TEST_F(PerfTest, UploadAndDownloadAreTimedEach) {
  spawn(measure(10, 5));
  poll();
  clock_.advance(std::chrono::seconds(3));
  spawn(answer_with(5));
  poll();
  ASSERT_TRUE(result_ && *result_);
  EXPECT_EQ((*result_)->upload, std::chrono::seconds(3));
  EXPECT_EQ((*result_)->download, base::Duration::zero());
}

TEST_F(PerfTest, TooFewBytesAreAnError) {
  spawn(answer_with(9));
  spawn(measure(0, 10));
  poll();
  EXPECT_EQ(error(), Error::kUnexpectedEof);
}

TEST_F(PerfTest, NoBytesAreTooFew) {
  spawn(answer_with(0));
  spawn(measure(0, 10));
  poll();
  EXPECT_EQ(error(), Error::kUnexpectedEof);
}

TEST_F(PerfTest, TooManyBytesAreAViolation) {
  spawn(answer_with(11));
  spawn(measure(0, 10));
  poll();
  EXPECT_EQ(error(), Error::kProtocolViolation);
}

TEST_F(PerfTest, BytesThatNobodyAskedForAreAViolation) {
  spawn(answer_with(1));
  spawn(measure(0, 0));
  poll();
  EXPECT_EQ(error(), Error::kProtocolViolation);
}

TEST_F(PerfTest, AServerThatSaysNothingIsATimeout) {
  spawn(measure(1'000'000, 1));  // more than the pipe holds
  poll();
  EXPECT_FALSE(result_);
  clock_.advance(kPerfIdleTimeout);
  poll();
  EXPECT_EQ(error(), Error::kTimeout);
}

TEST_F(PerfTest, TheServerSendsNothingBeforeTheUploadHasEnded) {
  spawn(serve());
  spawn(receive());
  spawn(send({0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3}, false));
  poll();
  EXPECT_EQ(received_, 0u);
  spawn(send({4}, true));
  poll();
  EXPECT_EQ(received_, 5u);
  EXPECT_EQ(read_->value(), 0u);
}

TEST_F(PerfTest, AClientThatBreaksOffIsReset) {
  spawn(serve());
  spawn(receive());
  spawn(send({0, 0, 0}, true));
  poll();
  EXPECT_TRUE(served_);
  ASSERT_TRUE(read_);
  EXPECT_EQ(read_->error(), Error::kReset);
}

TEST_F(PerfTest, TheServerDoesNotWaitForAnUploadForEver) {
  spawn(serve());
  poll();
  clock_.advance(kPerfIdleTimeout / 2);
  spawn(send({0, 0, 0, 0, 0, 0, 0, 5, 1}, false));
  poll();
  clock_.advance(kPerfIdleTimeout - std::chrono::seconds(1));
  poll();
  EXPECT_FALSE(served_);
  clock_.advance(std::chrono::seconds(1));
  poll();
  EXPECT_TRUE(served_);
}

TEST_F(PerfTest, TheServerDoesNotWaitForAReaderForEver) {
  spawn(serve());
  spawn(send(base::Bytes(8, 0xff), true));  // asks for 2⁶⁴ − 1 bytes and takes none
  poll();
  EXPECT_FALSE(served_);
  clock_.advance(kPerfIdleTimeout);
  poll();
  EXPECT_TRUE(served_);
}

}  // namespace
}  // namespace libp2p
