#include "libp2p/protocols/dcutr/dcutr_message.h"

#include "libp2p/core/error.h"

#include <gtest/gtest.h>

namespace libp2p::dcutr {
namespace {

using multiformats::Multiaddr;

TEST(DcutrMessage, WhatIsWrittenIsReadAsTheSame) {
  const HolePunch sync{.type = HolePunch::Type::kSync};
  const HolePunch connect{.type = HolePunch::Type::kConnect,
                          .addresses = {Multiaddr::from_text("/ip4/192.0.2.1/tcp/1").value()}};
  EXPECT_EQ(parse_hole_punch(serialise(sync)).value(), sync);
  EXPECT_EQ(parse_hole_punch(serialise(connect)).value(), connect);
  EXPECT_EQ(base::to_hex(serialise(sync)), "08ac02");
  EXPECT_EQ(base::to_hex(serialise(connect)),
            "08641208"
            "04c0000201060001");
}

TEST(DcutrMessage, BadOnesAreRefused) {
  for (const base::Bytes& bad : {base::Bytes{}, base::Bytes{0x08}, base::Bytes{0x08, 0x01}, base::Bytes{0x12, 0x05},
                                 base::Bytes{0x08, 0x64, 0x12, 0x7f}}) {
    EXPECT_EQ(parse_hole_punch(bad).error(), Error::kMalformedMessage) << base::to_hex(bad);
  }
  EXPECT_EQ(parse_hole_punch(base::Bytes(kMessageBytesMax + 1)).error(), Error::kMessageTooLong);
}

TEST(DcutrMessage, AddressesAreBoundedAndBadOnesPassedOver) {
  EXPECT_TRUE(parse_hole_punch(base::Bytes{0x08, 0x64, 0x12, 0x01, 0xff}).value().addresses.empty());
  HolePunch message;
  const Multiaddr address = Multiaddr::from_text("/dns4/" + std::string(250, 'a') + "/tcp/1").value();
  message.addresses.assign(100, address);
  const base::Bytes bytes = serialise(message);
  EXPECT_LE(bytes.size(), kMessageBytesMax);
  EXPECT_EQ(parse_hole_punch(bytes).value().addresses.size(), 15u);
  message.addresses.assign(100, Multiaddr::from_text("/ip4/192.0.2.1/tcp/1").value());
  EXPECT_EQ(parse_hole_punch(serialise(message)).value().addresses.size(), kMessageAddressesMax);
}

}  // namespace
}  // namespace libp2p::dcutr
