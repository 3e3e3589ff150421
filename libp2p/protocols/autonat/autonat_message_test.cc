#include "libp2p/protocols/autonat/autonat_message.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>

namespace libp2p::autonat {
namespace {

using multiformats::Multiaddr;

TEST(AutonatMessage, WhatIsWrittenIsReadAsTheSame) {
  const Message request = DialRequest{{Multiaddr::from_text("/ip4/44.1.2.3/tcp/4001").value()}, 0xfedcba9876543210};
  const Message response = DialResponse{ResponseStatus::kOk, 3, DialStatus::kDialBackError};
  const Message data_request = DialDataRequest{1, 30'000};
  const Message data = DialDataResponse{4096};
  for (const Message& each : {request, response, data_request, data}) {
    EXPECT_EQ(parse_message(serialise(each)).value(), each);
  }
  EXPECT_EQ(parse_dial_back(serialise_dial_back(0xfedcba9876543210)).value(), 0xfedcba9876543210);
  EXPECT_TRUE(parse_dial_back_response(serialise_dial_back_response()));
}

TEST(AutonatMessage, BytesAreThoseOfTheSpecification) {
  EXPECT_EQ(base::to_hex(serialise(Message(DialRequest{{}, 1}))), "0a09110100000000000000");
  EXPECT_EQ(base::to_hex(serialise(Message(DialResponse{ResponseStatus::kOk, 0, DialStatus::kOk}))),
            "120808c801100018c801");
  EXPECT_EQ(base::to_hex(serialise_dial_back(1)), "090100000000000000");
}

TEST(AutonatMessage, AddressesKeepTheirPlaces) {
  // dialRequest { addrs: "\xff", addrs: "" , addrs: /ip4/44.1.2.3 }
  const base::Bytes bytes{0x0a, 0x0c, 0x0a, 0x01, 0xff, 0x0a, 0x00, 0x0a, 0x05, 0x04, 44, 1, 2, 3};
  const auto request = std::get<DialRequest>(parse_message(bytes).value());
  ASSERT_EQ(request.addresses.size(), 3u);
  EXPECT_TRUE(request.addresses[0].empty());
  EXPECT_TRUE(request.addresses[1].empty());
  EXPECT_EQ(request.addresses[2].to_text(), "/ip4/44.1.2.3");
}

TEST(AutonatMessage, BadOnesAreRefused) {
  for (const base::Bytes& bad :
       {base::Bytes{}, base::Bytes{0x0a}, base::Bytes{0x0a, 0x7f}, base::Bytes{0x2a, 0x00}, base::Bytes{0xff, 0xff}}) {
    EXPECT_EQ(parse_message(bad).error(), Error::kMalformedMessage) << base::to_hex(bad);
  }
  const base::Bytes long_one(kMessageBytesMax + 1);
  EXPECT_EQ(parse_message(long_one).error(), Error::kMessageTooLong);
  EXPECT_EQ(parse_dial_back(long_one).error(), Error::kMessageTooLong);
  EXPECT_EQ(parse_dial_back_response(long_one).error(), Error::kMessageTooLong);
  EXPECT_FALSE(parse_dial_back(base::Bytes{0x09, 0x01}));
  EXPECT_FALSE(parse_dial_back_response(base::Bytes{0x08, 0x01}));
}

TEST(AutonatMessage, AddressesAreBounded) {
  DialRequest request;
  request.addresses.assign(2 * kRequestAddressesMax, Multiaddr::from_text("/ip4/44.1.2.3/tcp/4001").value());
  EXPECT_EQ(std::get<DialRequest>(parse_message(serialise(Message(request))).value()).addresses.size(),
            kRequestAddressesMax);
}

}  // namespace
}  // namespace libp2p::autonat
