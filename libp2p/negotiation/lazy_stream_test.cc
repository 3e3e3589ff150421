#include "libp2p/negotiation/lazy_stream.h"

#include "libp2p/core/error.h"
#include "libp2p/negotiation/negotiate.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kProtocol = "/echo/1.0.0";

/// A dialler's lazy stream, and the raw other end of it.
class LazyStreamTest : public ::testing::Test {
 protected:
  LazyStreamTest() {
    auto [dialler, listener] = testing::make_memory_pipe(context_.get_executor());
    listener_ = std::move(listener);
    stream_ = negotiate_lazily(std::move(dialler), std::string(kProtocol), clock_, 10s);
  }

  struct Read {
    std::optional<base::Result<std::size_t>> result;
    std::string text;
  };
  static base::Task<> read(Stream& stream, Read& read) {
    base::Bytes bytes(100);
    auto count = co_await stream.read_some(bytes);
    if (count) read.text = base::as_text(base::ConstBytes(bytes.data(), *count));
    read.result = count;
  }
  static base::Task<> write(Stream& stream, std::string text, std::optional<base::Result<>>& outcome) {
    outcome = co_await stream.write(base::as_bytes(text));
  }
  static base::Task<> close(Stream& stream, std::optional<base::Result<>>& outcome) {
    outcome = co_await stream.close_write();
  }
  /// Answers the proposal, then echoes one read.
  static base::Task<> serve(Stream& stream, std::vector<std::string> supported, Read& heard) {
    auto protocol = co_await negotiate_inbound(stream, std::move(supported));
    if (!protocol) co_return;
    co_await read(stream, heard);
    (void)co_await stream.write(base::as_bytes(heard.text));
  }

  void start(base::Task<> task) { base::spawn(context_.get_executor(), std::move(task)); }
  void run() {
    context_.restart();
    context_.poll();
  }
  void start_server() { start(serve(*listener_, {std::string(kProtocol)}, heard_)); }

  boost::asio::io_context context_;
  base::ManualClock clock_;
  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Stream> listener_;
  Read answer_;
  Read heard_;
  std::optional<base::Result<>> written_;
};

TEST_F(LazyStreamTest, TheProposalLeavesWithTheFirstBytes) {
  start(write(*stream_, "hello", written_));
  run();
  EXPECT_TRUE(written_.value());
  start(read(*listener_, heard_));
  run();
  EXPECT_EQ(heard_.text, "\x13/multistream/1.0.0\n\x0c/echo/1.0.0\nhello");
}

TEST_F(LazyStreamTest, WritingThenReadingIsAnswered) {
  start_server();
  start(write(*stream_, "hello", written_));
  start(read(*stream_, answer_));
  run();
  EXPECT_EQ(heard_.text, "hello");
  EXPECT_EQ(answer_.text, "hello");
}

TEST_F(LazyStreamTest, AReadBeforeAnyWriteSendsTheProposal) {
  start_server();
  start(read(*stream_, answer_));
  start(write(*stream_, "hello", written_));
  run();
  EXPECT_TRUE(written_.value());
  EXPECT_EQ(answer_.text, "hello");
}

TEST_F(LazyStreamTest, ClosingWithoutAWordStillProposes) {
  start_server();
  start(close(*stream_, written_));
  run();
  EXPECT_TRUE(written_.value());
  ASSERT_TRUE(heard_.result);
  EXPECT_EQ(heard_.result->value(), 0u);
  start(read(*stream_, answer_));
  listener_.reset();
  run();
  EXPECT_TRUE(answer_.result);
}

TEST_F(LazyStreamTest, AProtocolThatIsNotServedFailsTheFirstRead) {
  start(serve(*listener_, {"/other/1.0.0"}, heard_));
  start(read(*stream_, answer_));
  run();
  EXPECT_EQ(answer_.result->error(), Error::kProtocolNotSupported);
  start(write(*stream_, "hello", written_));
  run();
  EXPECT_FALSE(*written_) << "the stream was reset";
}

TEST_F(LazyStreamTest, AnAnswerThatIsNoneFailsTheFirstRead) {
  start(write(*listener_, "GET / HTTP/1.1\r\n\r\n", written_));
  start(read(*stream_, answer_));
  run();
  EXPECT_FALSE(*answer_.result);
}

TEST_F(LazyStreamTest, TheEndInsteadOfAnAnswerFailsTheFirstRead) {
  start(close(*listener_, written_));
  start(read(*stream_, answer_));
  run();
  EXPECT_EQ(answer_.result->error(), Error::kUnexpectedEof);
}

TEST_F(LazyStreamTest, NoAnswerIsATimeOut) {
  start(read(*stream_, answer_));
  run();
  EXPECT_FALSE(answer_.result);
  clock_.advance(10s);
  run();
  EXPECT_EQ(answer_.result->error(), Error::kTimeout);
}

}  // namespace
}  // namespace libp2p
