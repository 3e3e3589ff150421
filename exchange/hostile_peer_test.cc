// Peers that hold the cluster key and still do wrong.
#include "exchange/testing/hostile_peer.h"
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "wire/codec.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

TEST_F(HostilePeerTest, NothingIsSentWithoutCredit) {
  const auto lease = lease_of(0, 8);
  auto data = peer_.open_data(node_.host, session_, 1);
  peer_.send(*control_, 1, get(lease, 8, 0));
  EXPECT_EQ(node_.blocks.reads, 0u);
  peer_.send(*control_, 1, wire::Credit{1});
  EXPECT_EQ(node_.blocks.reads, 1u);
  auto frame = receive<wire::FrameHeader>(*data);
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->length, 8192u);
  EXPECT_EQ(frame->leaves.size(), 16u);
  EXPECT_TRUE(peer_.receive_bytes(*data, frame->length));
}

TEST_F(HostilePeerTest, AGetMayComeBeforeItsStream) {
  const auto lease = lease_of(0, 8);
  peer_.send(*control_, 1, get(lease, 4, 8));
  EXPECT_EQ(node_.blocks.reads, 0u);
  auto data = peer_.open_data(node_.host, session_, 1);
  EXPECT_TRUE(receive<wire::FrameHeader>(*data));
}

TEST_F(HostilePeerTest, AGetWithoutItsStreamIsAnErrorInTheEnd) {
  const auto lease = lease_of(0, 8);
  auto asked = get(lease, 4, 8);
  asked.time_ms = 60'000;
  peer_.send(*control_, 1, asked);
  advance(kLaneWait);
  auto error = receive<wire::ErrorMessage>(*control_);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, static_cast<std::uint32_t>(wire::ErrorCode::kBadRequest));
}

TEST_F(HostilePeerTest, TooManyGetsAreAnsweredBusy) {
  const auto lease = lease_of(0, 8);
  for (std::uint64_t id = 1; id <= kGetsServedMax; ++id) peer_.send(*control_, id, get(lease, 4, 0));
  peer_.send(*control_, 900, get(lease, 4, 0));
  auto busy = receive<wire::Busy>(*control_);
  ASSERT_TRUE(busy);
  EXPECT_GT(busy->retry_after_ms, 0u);
  // After their time they are dropped.
  advance(2s);
  peer_.send(*control_, 901, get(lease, 4, 0));
  EXPECT_TRUE(is_alive());
}

TEST_F(HostilePeerTest, TooManyLookUpsAreAnsweredBusy) {
  prove_good();
  auto asked = to_wire(request(0, 1));
  asked.keys.resize(wire::kKeysMax, test_key(77));
  bool busy = false;
  for (std::uint64_t id = 1; id < 400 && !busy; ++id) {
    peer_.send(*control_, id, asked);
    auto answer = peer_.receive(*control_);
    ASSERT_TRUE(answer);
    busy = std::holds_alternative<wire::Busy>(answer->body);
  }
  EXPECT_TRUE(busy);
  advance(1s);
  peer_.send(*control_, 500, asked);
  EXPECT_TRUE(receive<wire::LookupAnswer>(*control_));
}

TEST_F(HostilePeerTest, AGetOfWhatWasNotLeasedIsAnError) {
  const auto lease = lease_of(0, 8);
  auto data = peer_.open_data(node_.host, session_, 1);
  auto asked = get(lease, 4, 8);
  asked.first_block = 100;
  peer_.send(*control_, 1, asked);
  EXPECT_TRUE(receive<wire::ErrorMessage>(*control_));
  // A format other than the one leased: the sizes do not fit.
  asked = get(lease, 4, 8);
  asked.format.head_dim = 4;
  peer_.send(*control_, 2, asked);
  EXPECT_TRUE(receive<wire::ErrorMessage>(*control_));
  EXPECT_TRUE(is_alive());
}

TEST_F(HostilePeerTest, FramesForNoRequestResetTheirStreamOnly) {
  auto data = peer_.open_data(node_.host, session_, 1);
  wire::FrameHeader header;
  header.blocks = header.layers = 1;
  header.length = 2048;
  header.leaves.resize(4);
  peer_.send(*data, 42, header);
  EXPECT_TRUE(peer_.is_ended(*data));
  EXPECT_TRUE(is_alive());
}

TEST_F(HostilePeerTest, BrokenMessagesAreRefusedUpToABound) {
  // A lookup without fields: an error with its id, and the session goes on.
  peer_.send_bytes(*control_, {0x04, 0x93, 0x04, 0x07, 0x80});
  auto error = peer_.receive(*control_);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->id, 7u);
  EXPECT_TRUE(std::holds_alternative<wire::ErrorMessage>(error->body));
  EXPECT_TRUE(is_alive());
  for (std::size_t i = 0; i < kBadMessagesMax; ++i) peer_.send_bytes(*control_, {0x04, 0x93, 0x04, 0x07, 0x80});
  EXPECT_FALSE(is_alive());
}

TEST_F(HostilePeerTest, BytesThatAreNoMessageEndTheSession) {
  peer_.send_bytes(*control_, {0x02, 0xc1, 0xc1});
  EXPECT_FALSE(is_alive());
  EXPECT_TRUE(node_.exchange->peers().empty());
}

TEST_F(HostilePeerTest, AnOverlongMessageEndsTheSessionUnread) {
  peer_.send_bytes(*control_, {0x81, 0x80, 0x40});
  EXPECT_FALSE(is_alive());
}

TEST_F(HostilePeerTest, AnUnknownMessageIsToldSo) {
  peer_.send_bytes(*control_, {0x05, 0x93, 0xcc, 0xc8, 0x07, 0x80});
  auto error = receive<wire::ErrorMessage>(*control_);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, static_cast<std::uint32_t>(wire::ErrorCode::kUnsupported));
}

TEST_F(HostilePeerTest, HelloAgainEndsTheSession) {
  wire::Hello again;
  again.versions = {1};
  peer_.send(*control_, 0, again);
  EXPECT_FALSE(is_alive());
}

TEST_F(HostilePeerTest, ANewControlStreamReplacesTheOldOne) {
  auto hello = peer_.say_hello(node_.host, test_cluster_key());
  ASSERT_TRUE(hello.result && hello.result->authorised);
  EXPECT_FALSE(is_alive());
  EXPECT_EQ(node_.exchange->peers().size(), 1u);
  control_ = std::move(hello.control);
  EXPECT_TRUE(is_alive());
}

TEST_F(HostilePeerTest, WhoAsksAndDoesNotReadIsEnded) {
  prove_good();
  auto asked = to_wire(request(0, 1));
  asked.keys.resize(wire::kKeysMax, test_key(0));
  const auto framed = wire::encode_framed({1, asked});
  // Answers of some 70 KiB pile up until nothing more is read, and then only for so long.
  for (int i = 0; i < 100; ++i) peer_.send_bytes(*control_, framed);
  EXPECT_FALSE(node_.exchange->peers().empty());
  advance(kWriteStallMax);
  EXPECT_TRUE(node_.exchange->peers().empty());
}

TEST_F(HostilePeerTest, APutOutOfOrderIsRefused) {
  auto data = peer_.open_data(node_.host, session_, 1);
  wire::Put put;
  put.fingerprint = fingerprint_of(test_model());
  put.format = test_format();
  put.keys = {test_key(50), test_key(51)};
  put.time_ms = 2000;
  peer_.send(*control_, 1, put);
  auto answer = receive<wire::PutAnswer>(*control_);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->wanted, (std::vector<bool>{true, true}));
  wire::FrameHeader header;
  header.first_block = 1;
  header.blocks = header.layers = 1;
  header.length = 2048;
  header.leaves.resize(4);
  peer_.send(*data, 1, header);
  EXPECT_TRUE(receive<wire::ErrorMessage>(*control_));
  EXPECT_TRUE(peer_.is_ended(*data));
}

TEST_F(HostilePeerTest, APutThatStopsMidwayIsForgottenInTime) {
  auto data = peer_.open_data(node_.host, session_, 1);
  wire::Put put;
  put.fingerprint = fingerprint_of(test_model());
  put.format = test_format();
  put.keys = {test_key(50)};
  put.time_ms = 2000;
  for (std::uint64_t id = 1; id <= kPutsServedMax; ++id) {
    peer_.send(*control_, id, put);
    EXPECT_TRUE(receive<wire::PutAnswer>(*control_));
  }
  peer_.send(*control_, 9, put);
  EXPECT_TRUE(receive<wire::Busy>(*control_));
  advance(2s);
  peer_.send(*control_, 10, put);
  EXPECT_TRUE(receive<wire::PutAnswer>(*control_));
}

TEST_F(HostilePeerTest, ALookUpAnswerOfTheWrongShapeIsRefused) {
  auto result = start(node_.exchange->lookup(peer_.host.peer_id(), request(0, 3), in(2s)));
  poll();
  auto asked = peer_.receive(*control_);
  ASSERT_TRUE(asked && std::holds_alternative<wire::Lookup>(asked->body));
  wire::LookupAnswer answer;
  answer.format = test_format();
  answer.present.resize(2);
  peer_.send(*control_, asked->id, answer);
  ASSERT_TRUE(*result);
  EXPECT_EQ((*result)->error(), ExchangeError::kProtocolBroken);
}

TEST_F(HostilePeerTest, ALateAnswersLeaseIsReleased) {
  auto result = start(node_.exchange->lookup(peer_.host.peer_id(), request(0, 1), in(1s)));
  poll();
  auto asked = peer_.receive(*control_);
  ASSERT_TRUE(asked);
  advance(1s);
  ASSERT_TRUE(*result);
  EXPECT_EQ((*result)->error(), ExchangeError::kTimeout);
  wire::LookupAnswer answer;
  answer.format = test_format();
  answer.present = {true};
  answer.tiers = {2};
  answer.has_root = {false};
  answer.lease.emplace().id = 6;
  peer_.send(*control_, asked->id, answer);
  auto release = receive<wire::Release>(*control_);
  ASSERT_TRUE(release);
  EXPECT_EQ(release->lease.id, 6u);
}

}  // namespace
}  // namespace kvp2p::testing
