// Peers that hold the cluster key and still do wrong.
#include "exchange/exchange_error.h"
#include "exchange/limits.h"
#include "exchange/lookup_messages.h"
#include "exchange/testing/raw_peer.h"
#include "exchange/testing/test_node.h"

#include "wire/codec.h"
#include "wire/limits.h"

namespace kvp2p::testing {
namespace {

using namespace std::chrono_literals;

/// A node, and a peer of its cluster that speaks by hand.
class HostilePeerTest : public ExchangeTest {
 protected:
  HostilePeerTest() : peer_(io_, 200), node_(add_node()) {
    for (std::uint32_t i = 0; i < 8; ++i) node_.blocks.add(i);
    peer_.host.dial(node_.host);
    auto hello = peer_.say_hello(node_.host, test_cluster_key());
    control_ = std::move(hello.control);
    session_ = hello.result->session.value_or(wire::SessionId{});
    // Its snapshot.
    auto first = peer_.receive(*control_);
    EXPECT_TRUE(first && std::holds_alternative<wire::Announce>(first->body));
  }

  template <class T>
  std::optional<T> receive(libp2p::Stream& stream) {
    auto message = peer_.receive(stream);
    if (!message || !std::holds_alternative<T>(message->body)) return std::nullopt;
    return std::get<T>(message->body);
  }
  wire::Lease lease_of(std::uint32_t first, std::uint32_t count) {
    peer_.send(*control_, 1000, to_wire(request(first, count)));
    auto answer = receive<wire::LookupAnswer>(*control_);
    return answer && answer->lease ? *answer->lease : wire::Lease{};
  }
  wire::Get get(const wire::Lease& lease, std::uint32_t blocks, std::uint32_t credit) {
    wire::Get g;
    g.lease = lease;
    g.format = test_format();
    g.blocks = blocks;
    g.layers = {0, 1, 2};
    g.head_end = 4;
    g.credit = credit;
    g.frame_bytes_max = 8192;
    g.streams = {1};
    g.time_ms = 2000;
    return g;
  }
  bool is_alive() {
    peer_.send(*control_, 555, wire::Ping{});
    for (;;) {
      auto message = peer_.receive(*control_);
      if (!message) return false;
      if (std::holds_alternative<wire::Pong>(message->body)) return true;
    }
  }

  RawPeer peer_;
  TestNode& node_;
  std::unique_ptr<libp2p::Stream> control_;
  wire::SessionId session_;
};

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

/// A node that fetches from a peer that answers by hand.
class HostileHolderTest : public HostilePeerTest {
 protected:
  void begin(std::uint32_t blocks = 4) {
    // The node opens its data stream to the peer: collect it.
    peer_.host.set_stream_handler(std::string(wire::kProtocolId), [this](auto, std::unique_ptr<libp2p::Stream> stream) {
      return keep(std::move(stream));
    });
    LookupAnswer answer;
    fetch_ = node_.exchange->fetch(fetch_request(peer_.host.peer_id(), answer, 0, blocks), sink_, in(2s));
    poll();
    ASSERT_TRUE(data_);
    auto open = receive<wire::StreamOpen>(*data_);
    ASSERT_TRUE(open);
    auto message = peer_.receive(*control_);
    // One that broke before is cancelled.
    while (message && std::holds_alternative<wire::Cancel>(message->body)) message = peer_.receive(*control_);
    ASSERT_TRUE(message);
    ASSERT_TRUE(std::holds_alternative<wire::Get>(message->body));
    id_ = message->id;
    get_ = std::get<wire::Get>(message->body);
    EXPECT_EQ(get_.streams, std::vector<std::uint32_t>{open->number});
  }
  base::Task<> keep(std::unique_ptr<libp2p::Stream> stream) {
    data_ = std::move(stream);
    co_return;
  }
  void send_frame(std::uint32_t layer, std::uint32_t first, std::uint32_t blocks,
                  std::function<void(wire::FrameHeader&)> change = {}) {
    wire::FrameHeader header;
    header.first_block = first;
    header.blocks = blocks;
    header.layer = layer;
    header.layers = 1;
    header.length = blocks * 2048;
    header.leaves.resize(std::size_t{blocks} * 4);
    if (change) change(header);
    peer_.send(*data_, id_, header);
    peer_.send_bytes(*data_, base::Bytes(header.length, 1));
  }
  base::Error outcome() const { return sink_.outcome ? sink_.outcome->error() : base::Error(); }

  CollectingSink sink_;
  std::unique_ptr<Fetch> fetch_;
  std::unique_ptr<libp2p::Stream> data_;
  std::uint64_t id_ = 0;
  wire::Get get_;
};

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
        h.blocks = 1;
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
