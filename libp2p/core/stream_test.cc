#include "libp2p/core/stream.h"

#include "libp2p/core/error.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

class StreamTest : public ::testing::Test {
 protected:
  StreamTest() { std::tie(left_, right_) = testing::make_memory_pipe(io_.get_executor(), {.read_bytes_max = 3}); }

  /// Writes `bytes` as they are, closes, and reads one message at the other end.
  base::Result<std::optional<base::Bytes>> receive(base::Bytes bytes, std::size_t bytes_max = 100) {
    std::optional<base::Result<std::optional<base::Bytes>>> result;
    base::spawn(io_.get_executor(), write_and_close(*left_, std::move(bytes)));
    base::spawn(io_.get_executor(), read_into(*right_, bytes_max, result));
    io_.run();
    return *result;
  }

  static base::Task<> write_and_close(Stream& stream, base::Bytes bytes) {
    EXPECT_TRUE(co_await stream.write(bytes));
    EXPECT_TRUE(co_await stream.close_write());
  }

  static base::Task<> read_into(Stream& stream, std::size_t bytes_max,
                                std::optional<base::Result<std::optional<base::Bytes>>>& result) {
    result = co_await read_length_prefixed_or_eof(stream, bytes_max);
  }

  boost::asio::io_context io_;
  std::unique_ptr<Stream> left_;
  std::unique_ptr<Stream> right_;
};

TEST_F(StreamTest, AMessageIsReadByItsPrefix) {
  const auto message = receive({4, 'k', 'v', 'p', '2'});
  ASSERT_TRUE(message && *message);
  EXPECT_EQ(base::as_text(**message), "kvp2");
}

TEST_F(StreamTest, AnEmptyMessageIsNotTheEnd) {
  const auto message = receive({0});
  ASSERT_TRUE(message && *message);
  EXPECT_TRUE((*message)->empty());
}

TEST_F(StreamTest, TheEndBetweenMessagesIsNotAnError) {
  const auto message = receive({});
  ASSERT_TRUE(message);
  EXPECT_FALSE(*message);
}

TEST_F(StreamTest, TheEndInsideAMessageIsAnError) { EXPECT_EQ(receive({4, 'k'}).error(), Error::kUnexpectedEof); }

TEST_F(StreamTest, TheEndInsideThePrefixIsAnError) { EXPECT_EQ(receive({0x80}).error(), Error::kUnexpectedEof); }

TEST_F(StreamTest, ALengthOverTheBoundIsRefused) { EXPECT_EQ(receive({101}, 100).error(), Error::kMessageTooLong); }

TEST_F(StreamTest, AnEndlessPrefixIsRefused) {
  EXPECT_EQ(receive(base::Bytes(20, 0xff)).error(), Error::kMalformedMessage);
}

TEST_F(StreamTest, APrefixThatIsNotMinimalIsRefused) {
  EXPECT_EQ(receive({0x81, 0x00, 'k'}).error(), Error::kMalformedMessage);
}

TEST_F(StreamTest, AResetIsAnError) {
  left_->reset();
  std::optional<base::Result<std::optional<base::Bytes>>> result;
  base::spawn(io_.get_executor(), read_into(*right_, 100, result));
  io_.run();
  EXPECT_EQ(result->error(), Error::kReset);
}

base::Task<> write_message(Stream& stream, base::Bytes message) {
  EXPECT_TRUE(co_await write_length_prefixed(stream, message));
}

TEST_F(StreamTest, WhatIsWrittenIsRead) {
  const base::Bytes sent(1000, 7);
  std::optional<base::Result<std::optional<base::Bytes>>> result;
  base::spawn(io_.get_executor(), write_message(*left_, sent));
  base::spawn(io_.get_executor(), read_into(*right_, 1000, result));
  io_.run();
  ASSERT_TRUE(*result && **result);
  EXPECT_EQ(***result, sent);
}

}  // namespace
}  // namespace libp2p
