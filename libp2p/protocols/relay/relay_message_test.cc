#include "libp2p/protocols/relay/relay_message.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>

namespace libp2p::relay {
namespace {

using multiformats::Multiaddr;
using multiformats::PeerId;

PeerId some_peer() { return PeerId::from_public_key(multiformats::PrivateKey::generate().public_key()); }

HopMessage granted() {
  HopMessage message;
  message.type = HopMessage::Type::kStatus;
  message.status = Status::kOk;
  message.limit = Limit{120, 131072};
  Reservation reservation;
  reservation.expire_unix_s = 1'900'000'000;
  reservation.voucher = {1, 2, 3};
  reservation.addresses.push_back(
      Multiaddr::from_text("/ip4/192.0.2.1/tcp/4001").value().with_peer(some_peer()).value());
  message.reservation = std::move(reservation);
  return message;
}

TEST(RelayMessage, WhatIsWrittenIsReadAsTheSame) {
  const HopMessage reserve{.type = HopMessage::Type::kReserve};
  const HopMessage connect{.type = HopMessage::Type::kConnect, .peer = some_peer()};
  for (const HopMessage& each : {reserve, connect, granted()})
    EXPECT_EQ(parse_hop_message(serialise(each)).value(), each);
  const StopMessage stop{.type = StopMessage::Type::kConnect, .peer = some_peer(), .limit = {0, 7}};
  const StopMessage refused{.type = StopMessage::Type::kStatus, .status = Status::kConnectionFailed};
  for (const StopMessage& each : {stop, refused}) EXPECT_EQ(parse_stop_message(serialise(each)).value(), each);
}

TEST(RelayMessage, BytesAreThoseOfTheSpecification) {
  // type = RESERVE; type = STATUS with status 100.
  EXPECT_EQ(base::to_hex(serialise(HopMessage{.type = HopMessage::Type::kReserve})), "0800");
  EXPECT_EQ(base::to_hex(serialise(HopMessage{.type = HopMessage::Type::kStatus, .status = Status::kOk})), "08022864");
  EXPECT_EQ(base::to_hex(serialise(StopMessage{.type = StopMessage::Type::kStatus, .status = Status::kOk})),
            "08012064");
}

TEST(RelayMessage, NoLimitIsNotSent) {
  HopMessage message = granted();
  message.limit = {};
  const auto again = parse_hop_message(serialise(message)).value();
  EXPECT_FALSE(again.limit.is_limited());
}

TEST(RelayMessage, ALimitOfZerosIsNone) {
  // limit { duration: 0, data: 0 }
  const base::Bytes bytes{0x08, 0x02, 0x28, 0x64, 0x22, 0x04, 0x08, 0x00, 0x10, 0x00};
  const auto message = parse_hop_message(bytes);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->limit.is_limited());
}

TEST(RelayMessage, AnUnknownStatusIsKept) {
  const base::Bytes bytes{0x08, 0x02, 0x28, 0xe7, 0x07};  // 999
  EXPECT_EQ(static_cast<std::uint32_t>(parse_hop_message(bytes).value().status), 999u);
}

TEST(RelayMessage, BadOnesAreRefused) {
  EXPECT_EQ(parse_hop_message({}).error(), Error::kMalformedMessage);  // no type
  for (const base::Bytes& bad : {
           base::Bytes{0x08},                                      // cut off
           base::Bytes{0x08, 0x03},                                // a type that there is not
           base::Bytes{0x08, 0xff, 0xff, 0x03},                    // another
           base::Bytes{0x08, 0x01, 0x12, 0x00},                    // a peer without an id
           base::Bytes{0x08, 0x01, 0x12, 0x03, 0x0a, 0x01, 0x00},  // a peer id that is none
           base::Bytes{0x08, 0x01, 0x12, 0x7f},                    // a length beyond the end
       }) {
    EXPECT_EQ(parse_hop_message(bad).error(), Error::kMalformedMessage) << base::to_hex(bad);
  }
  EXPECT_EQ(parse_stop_message(base::Bytes{0x08, 0x02}).error(), Error::kMalformedMessage);
  EXPECT_EQ(parse_hop_message(base::Bytes(kMessageBytesMax + 1)).error(), Error::kMessageTooLong);
  EXPECT_EQ(parse_stop_message(base::Bytes(kMessageBytesMax + 1)).error(), Error::kMessageTooLong);
}

TEST(RelayMessage, AddressesAreBoundedAndBadOnesPassedOver) {
  HopMessage message = granted();
  auto& addresses = message.reservation->addresses;
  for (std::size_t i = 0; i < 2 * kMessageAddressesMax; ++i) addresses.push_back(addresses.front());
  EXPECT_EQ(parse_hop_message(serialise(message)).value().reservation->addresses.size(), kMessageAddressesMax);
  // reservation { addrs: "\xff" }
  const base::Bytes bad{0x08, 0x02, 0x1a, 0x03, 0x12, 0x01, 0xff};
  EXPECT_TRUE(parse_hop_message(bad).value().reservation->addresses.empty());
}

}  // namespace
}  // namespace libp2p::relay
