#include "libp2p/protocols/kad/message.h"

#include "libp2p/core/error.h"
#include "libp2p/core/proto_fields.h"
#include "libp2p/protocols/kad/testing/kad_net.h"

#include <gtest/gtest.h>

namespace libp2p::kad {
namespace {

using testing::address_of;
using testing::bytes;
using testing::entry;
using testing::peer;

Message full_message() {
  return {.type = MessageType::kGetProviders,
          .key = bytes("key"),
          .record = Record{bytes("key"), bytes("value")},
          .closer = {entry(1), entry(2)},
          .providers = {entry(3)}};
}

TEST(KadMessageTest, WhatIsWrittenIsReadAsTheSame) {
  for (const auto type : {MessageType::kPutValue, MessageType::kGetValue, MessageType::kAddProvider,
                          MessageType::kGetProviders, MessageType::kFindNode, MessageType::kPing}) {
    Message message = full_message();
    message.type = type;
    EXPECT_EQ(parse_message(serialise_message(message)).value(), message);
  }
  const Message empty{.type = MessageType::kPing};
  EXPECT_EQ(parse_message(serialise_message(empty)).value(), empty);
}

// As the schema of the specification has it, byte by byte.
TEST(KadMessageTest, AFindNodeIsTheseBytes) {
  const Message message{.type = MessageType::kFindNode, .key = bytes("ab")};
  EXPECT_EQ(base::to_hex(serialise_message(message)),
            "0804"
            "12026162");
}

TEST(KadMessageTest, ATypeThatIsNotWrittenIsPutValue) {
  EXPECT_EQ(parse_message({}).value().type, MessageType::kPutValue);
}

TEST(KadMessageTest, WhatIsNoMessageIsMalformed) {
  const base::Bytes unknown_type{0x08, 0x06};
  const base::Bytes huge_type{0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
  const base::Bytes type_as_bytes{0x0a, 0x00};
  const base::Bytes cut{0x12, 0x05, 0x61};
  const base::Bytes group{0x13};
  const base::Bytes peer_cut{0x42, 0x02, 0x0a, 0x20};
  for (const auto& each : {unknown_type, huge_type, type_as_bytes, cut, group, peer_cut}) {
    EXPECT_EQ(parse_message(each).error(), Error::kMalformedMessage) << base::to_hex(each);
  }
  Message message{.type = MessageType::kFindNode, .key = base::Bytes(kMessageKeyBytesMax + 1)};
  EXPECT_EQ(parse_message(serialise_message(message)).error(), Error::kMalformedMessage);
}

TEST(KadMessageTest, TooLongAValueIsMalformed) {
  base::Bytes record;
  append_bytes_field(record, 2, base::Bytes(kMessageValueBytesMax + 1));
  base::Bytes message;
  append_bytes_field(message, 3, record);
  EXPECT_EQ(parse_message(message).error(), Error::kMalformedMessage);
}

TEST(KadMessageTest, PeersAndAddressesThatMakeNoSenseArePassedOver) {
  base::Bytes good;
  append_bytes_field(good, 1, peer(1).as_bytes());
  append_bytes_field(good, 2, bytes("no address"));
  append_bytes_field(good, 2, address_of(1).with_peer(peer(2)).value().to_bytes());
  append_bytes_field(good, 2, address_of(2).with_peer(peer(1)).value().to_bytes());
  append_varint_field(good, 3, 1);
  base::Bytes bad;
  append_bytes_field(bad, 1, bytes("nobody"));
  base::Bytes message;
  append_varint_field(message, 1, 4);
  append_bytes_field(message, 8, bad);
  append_bytes_field(message, 8, good);
  append_varint_field(message, 10, 1);
  append_bytes_field(message, 99, bytes("unknown"));
  const auto parsed = parse_message(message).value();
  const std::vector<PeerEntry> expected{{peer(1), {address_of(2)}}};
  EXPECT_EQ(parsed.closer, expected);
}

TEST(KadMessageTest, PeersAndAddressesAreBounded) {
  base::Bytes many;
  append_bytes_field(many, 1, peer(1).as_bytes());
  for (std::uint32_t i = 0; i < 1000; ++i) append_bytes_field(many, 2, address_of(i).to_bytes());
  base::Bytes message;
  for (int i = 0; i < 200; ++i) append_bytes_field(message, 9, many);
  const auto parsed = parse_message(message).value();
  EXPECT_EQ(parsed.providers.size(), kMessagePeersMax);
  for (const auto& each : parsed.providers) EXPECT_EQ(each.addresses.size(), kPeerAddressesMax);
}

TEST(KadMessageTest, WhatIsSentFitsIntoWhatAllTake) {
  Message message{.type = MessageType::kGetProviders, .key = bytes("key")};
  PeerEntry large = entry(1);
  for (std::uint32_t i = 0; i < 100; ++i) large.addresses.push_back(address_of(i));
  message.closer.assign(20, large);
  message.providers.assign(1000, large);
  const base::Bytes written = serialise_message(message);
  EXPECT_LE(written.size(), kSentMessageBytesMax);
  EXPECT_GT(parse_message(written).value().providers.size(), 50u);
}

}  // namespace
}  // namespace libp2p::kad
