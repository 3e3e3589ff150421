// Relays and their clients against peers that do not keep to the protocol.
#include "libp2p/core/error.h"
#include "libp2p/core/timed_io.h"
#include "libp2p/protocols/relay/relay_message.h"
#include "libp2p/protocols/relay/testing/relay_fixture.h"
#include "libp2p/protocols/relay/voucher.h"

namespace libp2p::relay {
namespace {

using namespace std::chrono_literals;
using multiformats::PeerId;

HopMessage hop(HopMessage::Type type, Status status = Status::kNone) {
  HopMessage message;
  message.type = type;
  message.status = status;
  return message;
}

PeerId somebody() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }

base::Bytes with_length(base::Bytes message) {
  base::Bytes whole{static_cast<std::uint8_t>(message.size())};
  base::append(whole, message);
  return whole;
}

/// A peer that speaks the relay's protocol by hand.
class RelayHostileTest : public RelayTest {
 protected:
  RelayHostileTest() : relay_(add_relay()), peer_(add_node()) {}

  std::unique_ptr<Stream> open(const Connection& connection, const char* protocol = kHopProtocol) {
    std::vector<std::string> protocols{protocol};
    auto opened = run(const_cast<Connection&>(connection).new_stream(std::move(protocols)));
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(opened->stream);
  }
  /// Sends bytes as they are, and reads one answer.
  base::Result<HopMessage> ask(base::Bytes bytes) {
    const auto stream = open(*connection_);
    EXPECT_TRUE(run(stream->write(bytes)));
    const auto answer = run(read_length_prefixed(*stream, kMessageBytesMax));
    if (!answer) return answer.error();
    return parse_hop_message(*answer);
  }
  Status status_of(base::Bytes bytes) { return ask(std::move(bytes)).value().status; }

  Host& relay_;
  Host& peer_;
  std::shared_ptr<Connection> connection_ = connect(peer_, relay_);
};

TEST_F(RelayHostileTest, WhatIsNoRequestIsAnsweredWithAStatus) {
  EXPECT_EQ(status_of({3, 0xff, 0xff, 0xff}), Status::kMalformedMessage);
  EXPECT_EQ(status_of({0}), Status::kMalformedMessage);
  EXPECT_EQ(status_of({0xff, 0xff, 0x03}), Status::kMalformedMessage);  // 64 KiB to come
  EXPECT_EQ(status_of(with_length(serialise(hop(HopMessage::Type::kConnect)))), Status::kMalformedMessage);
  HopMessage status = hop(HopMessage::Type::kStatus, Status::kOk);
  status.peer = somebody();
  EXPECT_EQ(status_of(with_length(serialise(status))), Status::kUnexpectedMessage);
  EXPECT_EQ(servers_.front()->stats().circuits, 0u);
}

TEST_F(RelayHostileTest, CircuitsToOneselfOrToTheRelayAreRefused) {
  HopMessage request = hop(HopMessage::Type::kConnect);
  for (const PeerId& target : {peer_.peer_id(), relay_.peer_id()}) {
    request.peer = target;
    EXPECT_EQ(status_of(with_length(serialise(request))), Status::kPermissionDenied);
  }
}

TEST_F(RelayHostileTest, RequestsWithoutEndAreRefused) {
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 2 * ServerLimits().request_burst; ++i) {
    refused += status_of(with_length(serialise(hop(HopMessage::Type::kReserve)))) == Status::kResourceLimitExceeded;
  }
  EXPECT_GT(refused, 0u);
  EXPECT_EQ(servers_.front()->stats().reservations, 1u);
}

TEST_F(RelayHostileTest, ATargetThatDoesNotAnswerProperlyFailsTheCircuit) {
  // It reserves by hand, and takes no circuit.
  EXPECT_EQ(status_of(with_length(serialise(hop(HopMessage::Type::kReserve)))), Status::kOk);
  Host& from = add_node();
  add_client(from);
  EXPECT_EQ(run(from.connect(circuit(relay_, peer_))).error(), Errc::kConnectionFailed);
  for (const base::Bytes& answer : {base::Bytes{1, 0xff}, base::Bytes{2, 0x08, 0x00},
                                    with_length(serialise(StopMessage{.status = Status::kPermissionDenied}))}) {
    peer_.set_stream_handler(kStopProtocol, [answer](auto, std::unique_ptr<Stream> stream) -> base::Task<> {
      return [](std::unique_ptr<Stream> kept, base::Bytes bytes) -> base::Task<> {
        (void)co_await kept->write(bytes);
        (void)co_await kept->close_write();
      }(std::move(stream), answer);
    });
    EXPECT_EQ(run(from.connect(circuit(relay_, peer_))).error(), Errc::kConnectionFailed);
  }
  EXPECT_EQ(servers_.front()->stats().circuits, 0u);
}

TEST_F(RelayHostileTest, NobodyButOurRelayBringsCircuits) {
  Host& target = add_node();
  add_client(target);
  const auto to_target = connect(peer_, target);
  const auto stream = open(*to_target, kStopProtocol);
  const StopMessage request{.type = StopMessage::Type::kConnect, .peer = somebody()};
  ASSERT_TRUE(run(write_length_prefixed(*stream, serialise(request))));
  const auto answer = run(read_length_prefixed(*stream, kMessageBytesMax));
  ASSERT_TRUE(answer);
  EXPECT_EQ(parse_stop_message(*answer).value().status, Status::kPermissionDenied);
}

TEST_F(RelayHostileTest, WhatIsNoStopMessageIsAnsweredWithAStatus) {
  Host& target = add_node();
  add_client(target);
  const auto to_target = connect(peer_, target);
  for (const base::Bytes& bytes : {base::Bytes{2, 0x08, 0x00}, base::Bytes{1, 0xff}}) {
    const auto stream = open(*to_target, kStopProtocol);
    ASSERT_TRUE(run(stream->write(bytes)));
    const auto answer = run(read_length_prefixed(*stream, kMessageBytesMax));
    ASSERT_TRUE(answer);
    EXPECT_EQ(parse_stop_message(*answer).value().status, Status::kMalformedMessage);
  }
}

/// A relay that answers as the test says.
class HostileRelayTest : public RelayTest {
 protected:
  HostileRelayTest() : relay_(add_node()), relay_key_(last_key_), node_(add_node()), client_(add_client(node_)) {}

  static base::Task<> answer_with(std::unique_ptr<Stream> stream, base::Bytes bytes) {
    (void)co_await read_length_prefixed(*stream, kMessageBytesMax);
    (void)co_await stream->write(bytes);
    (void)co_await stream->close_write();
    std::uint8_t byte = 0;
    (void)co_await stream->read_some(base::MutableBytes(&byte, 1));
  }
  void answers(base::Bytes bytes) {
    relay_.set_stream_handler(
        kHopProtocol, [bytes](auto, std::unique_ptr<Stream> stream) { return answer_with(std::move(stream), bytes); });
  }
  static base::Bytes framed(const HopMessage& message) {
    const base::Bytes bytes = serialise(message);
    base::Bytes whole{static_cast<std::uint8_t>(bytes.size() | 0x80), static_cast<std::uint8_t>(bytes.size() >> 7)};
    if (bytes.size() < 0x80) whole = {static_cast<std::uint8_t>(bytes.size())};
    base::append(whole, bytes);
    return whole;
  }
  HopMessage granted() {
    HopMessage message = hop(HopMessage::Type::kStatus, Status::kOk);
    message.reservation = Reservation{system_time_s() + 3600, {}, {}};
    return message;
  }
  static std::uint64_t system_time_s() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
  }
  base::Error failure_of_reservation() {
    EXPECT_TRUE(node_.listen(circuit(relay_)));
    run_until([&] { return client_.relays().front().failure != Error::kNotConnected; });
    return client_.relays().front().failure;
  }

  Host& relay_;
  multiformats::PrivateKey relay_key_;
  Host& node_;
  Client& client_;
};

TEST_F(HostileRelayTest, AGrantWithoutAReservationIsNone) {
  answers(framed(hop(HopMessage::Type::kStatus, Status::kOk)));
  EXPECT_EQ(failure_of_reservation(), Errc::kBadReservation);
}

TEST_F(HostileRelayTest, AReservationThatIsOverIsNone) {
  HopMessage message = granted();
  message.reservation->expire_unix_s = system_time_s() - 1;
  answers(framed(message));
  EXPECT_EQ(failure_of_reservation(), Errc::kBadReservation);
}

TEST_F(HostileRelayTest, AVoucherForSomebodyElseIsRefused) {
  HopMessage message = granted();
  message.reservation->voucher = seal_voucher(relay_key_, {relay_.peer_id(), somebody(), system_time_s() + 3600});
  answers(framed(message));
  EXPECT_EQ(failure_of_reservation(), Errc::kBadReservation);
}

TEST_F(HostileRelayTest, AnswersThatAreNoneAreRefused) {
  answers({2, 0x08, 0x00});  // RESERVE
  EXPECT_EQ(failure_of_reservation(), Error::kProtocolViolation);
}

TEST_F(HostileRelayTest, AnAnswerThatIsTooLongIsRefused) {
  answers({0xff, 0xff, 0x7f});
  EXPECT_EQ(failure_of_reservation(), Error::kMessageTooLong);
}

TEST_F(HostileRelayTest, AStatusThatNobodyKnowsIsRefused) {
  answers(framed(hop(HopMessage::Type::kStatus, static_cast<Status>(999))));
  EXPECT_EQ(failure_of_reservation(), Errc::kUnknownStatus);
}

TEST_F(HostileRelayTest, AddressesOfOtherRelaysAreNotAnnounced) {
  HopMessage message = granted();
  message.reservation->expire_unix_s = UINT64_MAX;
  const auto foreign = address("/ip4/192.0.2.1/tcp/1").with_peer(somebody()).value();
  message.reservation->addresses = {foreign, circuit(relay_)};
  answers(framed(message));
  reserve(node_, client_, relay_);
  // The one that we know ourselves is left.
  EXPECT_EQ(client_.relays().front().addresses, std::vector{circuit(relay_)});
}

TEST_F(HostileRelayTest, ACircuitToSomebodyElseFails) {
  // The relay says that it has connected us, and plays the target itself.
  answers(framed(hop(HopMessage::Type::kStatus, Status::kOk)));
  Host& target = add_node();
  EXPECT_FALSE(run(node_.connect(circuit(relay_, target))));
  EXPECT_TRUE(target.connections().empty());
}

TEST_F(RelayTimeTest, ARelayThatSaysNothingIsGivenUp) {
  Host& relay = add_node();
  relay.set_stream_handler(kHopProtocol, [](auto, std::unique_ptr<Stream> stream) -> base::Task<> {
    return [](std::unique_ptr<Stream> kept) -> base::Task<> {
      base::Bytes bytes(100);
      for (;;) {
        auto count = co_await kept->read_some(bytes);
        if (!count || *count == 0) break;
      }
    }(std::move(stream));
  });
  Host& node = add_node();
  Client& client = add_client(node);
  ASSERT_TRUE(node.listen(circuit(relay)));
  settle();
  clock_.advance(kClientStepTimeout);
  run_until([&] { return client.relays().front().failure == Error::kTimeout; });
}

TEST_F(RelayTimeTest, APeerThatSaysNothingIsGivenUp) {
  Host& relay = add_relay();
  Host& peer = add_node();
  const auto connection = connect(peer, relay);
  std::vector<std::string> protocols{kHopProtocol};
  const auto stream = run(connection->new_stream(std::move(protocols))).value();
  ASSERT_TRUE(run(stream.stream->write(base::Bytes{2, 0x08})));  // the second byte never comes
  settle();
  clock_.advance(kServerStepTimeout);
  base::Bytes into(1);
  EXPECT_FALSE(run(stream.stream->read_some(into)));
}

}  // namespace
}  // namespace libp2p::relay
