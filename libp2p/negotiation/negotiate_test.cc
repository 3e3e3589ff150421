#include "libp2p/negotiation/negotiate.h"

#include "libp2p/core/error.h"
#include "libp2p/negotiation/multistream_message.h"
#include "libp2p/testing/memory_pipe.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

using Outcome = std::optional<base::Result<std::string>>;

class NegotiateTest : public ::testing::TestWithParam<std::size_t> {
 protected:
  NegotiateTest() {
    testing::MemoryPipeOptions options;
    options.read_bytes_max = GetParam();
    std::tie(dialler_, listener_) = testing::make_memory_pipe(context_.get_executor(), options);
  }

  static base::Task<> dial(Stream& stream, std::vector<std::string> protocols, Outcome& outcome) {
    auto result = co_await negotiate_outbound(stream, std::move(protocols));
    outcome = std::move(result);
  }
  static base::Task<> serve(Stream& stream, std::vector<std::string> supported, Outcome& outcome) {
    auto result = co_await negotiate_inbound(stream, std::move(supported));
    outcome = std::move(result);
  }
  static base::Task<> send(Stream& stream, std::string bytes) {
    auto written = co_await stream.write(base::as_bytes(bytes));
    EXPECT_TRUE(written);
  }
  static base::Task<> send_and_close(Stream& stream, std::string bytes) {
    auto written = co_await stream.write(base::as_bytes(bytes));
    EXPECT_TRUE(written);
    auto closed = co_await stream.close_write();
    EXPECT_TRUE(closed);
  }
  static base::Task<> receive(Stream& stream, std::size_t count, std::string& into) {
    base::Bytes bytes(count);
    auto read = co_await read_exact(stream, bytes);
    EXPECT_TRUE(read);
    into = base::as_text(bytes);
  }
  static base::Task<> answer_and_send(Stream& stream, std::vector<std::string> supported, std::string more) {
    auto result = co_await negotiate_inbound(stream, std::move(supported));
    EXPECT_TRUE(result);
    auto written = co_await stream.write(base::as_bytes(more));
    EXPECT_TRUE(written);
    auto closed = co_await stream.close_write();
    EXPECT_TRUE(closed);
  }

  void start(base::Task<> task) { base::spawn(context_.get_executor(), std::move(task)); }

  boost::asio::io_context context_;
  std::unique_ptr<Stream> dialler_;
  std::unique_ptr<Stream> listener_;
  Outcome dialled_;
  Outcome served_;
};

std::string line(const std::string& protocol) {
  base::Bytes bytes;
  append_multistream_message(bytes, {MultistreamMessage::Kind::kProtocol, protocol});
  return std::string(base::as_text(bytes));
}

const std::string kHeader = "\x13/multistream/1.0.0\n";

TEST_P(NegotiateTest, BothSidesAgreeOnTheFirstProposalThatIsServed) {
  start(dial(*dialler_, {"/tls/1.0.0", "/noise", "/plaintext/2.0.0"}, dialled_));
  start(serve(*listener_, {"/plaintext/2.0.0", "/noise"}, served_));
  context_.poll();
  EXPECT_EQ(dialled_->value(), "/noise");
  EXPECT_EQ(served_->value(), "/noise");
}

TEST_P(NegotiateTest, NoProtocolInCommonIsAnErrorOfTheDialler) {
  start(dial(*dialler_, {"/a", "/b"}, dialled_));
  start(serve(*listener_, {"/c"}, served_));
  context_.poll();
  EXPECT_EQ(dialled_->error(), Error::kProtocolNotSupported);
  EXPECT_FALSE(served_) << "the listener waits for another proposal";
  dialler_->reset();
  context_.restart();
  context_.poll();
  EXPECT_EQ(served_->error(), Error::kReset);
}

TEST_P(NegotiateTest, TheDiallerSendsHeaderAndProposalWithoutWaiting) {
  std::string sent;
  start(dial(*dialler_, {"/noise"}, dialled_));
  start(receive(*listener_, kHeader.size() + line("/noise").size(), sent));
  context_.poll();
  EXPECT_EQ(sent, kHeader + line("/noise"));
  dialler_->reset();
  context_.restart();
  context_.poll();
}

TEST_P(NegotiateTest, DataBehindTheLastLineIsLeftToTheProtocol) {
  std::string early;
  std::string reply;
  start(send(*dialler_, kHeader + line("/echo") + "early data"));
  start(serve(*listener_, {"/echo"}, served_));
  context_.poll();
  ASSERT_EQ(served_->value(), "/echo");
  start(receive(*listener_, 10, early));
  start(receive(*dialler_, (kHeader + line("/echo")).size(), reply));
  context_.restart();
  context_.poll();
  EXPECT_EQ(early, "early data");
  EXPECT_EQ(reply, kHeader + line("/echo"));
}

TEST_P(NegotiateTest, ASideThatOnlyClosesStillCompletesIt) {
  start(send_and_close(*dialler_, kHeader + line("/echo")));
  start(serve(*listener_, {"/echo"}, served_));
  context_.poll();
  EXPECT_EQ(served_->value(), "/echo");
}

TEST_P(NegotiateTest, TheDiallerReadsWhatFollowsTheAnswer) {
  std::string data;
  start(answer_and_send(*listener_, {"/echo"}, "hello"));
  start(dial(*dialler_, {"/echo"}, dialled_));
  context_.poll();
  ASSERT_EQ(dialled_->value(), "/echo");
  start(receive(*dialler_, 5, data));
  context_.restart();
  context_.poll();
  EXPECT_EQ(data, "hello");
}

TEST_P(NegotiateTest, ListIsAnswered) {
  std::string reply;
  const std::string expected = kHeader + "\x08\x06/echo\n\n" + line("/echo");
  start(send(*dialler_, kHeader + "\x03ls\n" + line("/echo")));
  start(serve(*listener_, {"/echo"}, served_));
  start(receive(*dialler_, expected.size(), reply));
  context_.poll();
  EXPECT_EQ(reply, expected);
  EXPECT_EQ(served_->value(), "/echo");
}

TEST_P(NegotiateTest, ProposalsAreBounded) {
  std::string many = kHeader;
  for (std::size_t i = 0; i < kMultistreamProposalsMax; ++i) many += line("/x" + std::to_string(i));
  start(send(*dialler_, many + line("/echo")));
  start(serve(*listener_, {"/echo"}, served_));
  context_.poll();
  EXPECT_EQ(served_->error(), Error::kProtocolNotSupported);
}

TEST_P(NegotiateTest, TheListenerRefusesWhatIsNoNegotiation) {
  const std::pair<std::string, Error> cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", Error::kUnexpectedEof},
      {"\x03na\n", Error::kProtocolViolation},
      {line("/noise"), Error::kProtocolViolation},
      {kHeader + kHeader, Error::kProtocolViolation},
      {kHeader + "\x03na\n", Error::kProtocolViolation},
      {kHeader + "\x06noise\n", Error::kMalformedMessage},
      {kHeader + "\xff\xff\x03", Error::kMessageTooLong},
      {kHeader + "\x07/noi", Error::kUnexpectedEof},
      {kHeader, Error::kUnexpectedEof},
      {"", Error::kUnexpectedEof},
  };
  for (const auto& [bytes, error] : cases) {
    auto [dialler, listener] = testing::make_memory_pipe(context_.get_executor());
    Outcome served;
    start(send_and_close(*dialler, bytes));
    start(serve(*listener, {"/noise"}, served));
    context_.restart();
    context_.poll();
    ASSERT_TRUE(served && !*served) << bytes;
    EXPECT_EQ(served->error(), error) << bytes;
  }
}

TEST_P(NegotiateTest, TheDiallerRefusesWrongAnswers) {
  const std::pair<std::string, Error> cases[] = {
      {line("/noise"), Error::kProtocolViolation},
      {kHeader + line("/other"), Error::kProtocolViolation},
      {kHeader + "\x03ls\n", Error::kProtocolViolation},
      {kHeader + kHeader, Error::kProtocolViolation},
      {kHeader + "\x81\x08", Error::kMessageTooLong},
      {kHeader, Error::kUnexpectedEof},
      {"", Error::kUnexpectedEof},
  };
  for (const auto& [bytes, error] : cases) {
    auto [dialler, listener] = testing::make_memory_pipe(context_.get_executor());
    Outcome dialled;
    start(send_and_close(*listener, bytes));
    start(dial(*dialler, {"/noise"}, dialled));
    context_.restart();
    context_.poll();
    ASSERT_TRUE(dialled && !*dialled) << bytes;
    EXPECT_EQ(dialled->error(), error) << bytes;
  }
}

INSTANTIATE_TEST_SUITE_P(ReadSizes, NegotiateTest, ::testing::Values(1, 5, SIZE_MAX));

}  // namespace
}  // namespace libp2p
