#include "libp2p/protocols/identify/identify_message.h"

#include "libp2p/core/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

multiformats::Multiaddr address(std::string_view text) { return multiformats::Multiaddr::from_text(text).value(); }

/// One length-delimited field of fewer than 128 bytes.
base::Bytes field(std::uint8_t number, std::string_view value) {
  base::Bytes bytes{static_cast<std::uint8_t>(number << 3 | 2), static_cast<std::uint8_t>(value.size())};
  base::append(bytes, base::as_bytes(value));
  return bytes;
}

IdentifyMessage parse(base::ConstBytes bytes) {
  IdentifyMessage message;
  EXPECT_TRUE(merge_identify_message(bytes, message));
  return message;
}

bool is_refused(base::Bytes bytes) {
  IdentifyMessage message;
  return merge_identify_message(bytes, message).has_error();
}

IdentifyMessage full_message() {
  IdentifyMessage message;
  message.public_key = base::Bytes{8, 1, 18, 1, 7};
  message.listen_addresses = {address("/ip4/192.0.2.7/tcp/4001"), address("/ip6/2001:db8::1/tcp/4001")};
  message.protocols = {"/ipfs/ping/1.0.0", "/ipfs/id/1.0.0"};
  message.observed_address = address("/ip4/198.51.100.1/tcp/555");
  message.protocol_version = "ipfs/0.1.0";
  message.agent_version = "kv-cache-p2p/0.1.0";
  return message;
}

TEST(IdentifyMessageTest, WhatIsSerialisedIsParsed) {
  const IdentifyMessage message = full_message();
  const auto messages = serialise_identify_message(message);
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_EQ(parse(messages[0]), message);
}

/// What js-libp2p 3.3.11 sent.
constexpr std::string_view kJsMessage =
    "2a0a697066732f302e312e30321d6a732d6c69627032702f332e332e3131206e6f64652f32302e32302e320a24080112206d"
    "81e45dd2cf6286620078800bdb2ae76b0201d08e050d60f746f9bbd6471d3b1208047f0000010697db121429000000000000"
    "0000000000000000000106920d2231047f00000106c91aa50326002408011220c878141844543d02c6e1904f94041720edf6"
    "db74cac9e8c909354f7a537243301a0e2f697066732f69642f312e302e3042c1010a24080112206d81e45dd2cf6286620078"
    "800bdb2ae76b0201d08e050d60f746f9bbd6471d3b120203011a530a260024080112206d81e45dd2cf6286620078800bdb2a"
    "e76b0201d08e050d60f746f9bbd6471d3b10cbe6c4c9a0341a0a0a08047f0000010697db1a160a1429000000000000000000"
    "0000000000000106920d2a40620baa7ce016331aad769fda8997b72f9aef954f6a56ff03dedaa68f0e6e44a73c4288dd7881"
    "88dcde5e8d5ea8237310f4d284f4db1d901a79a97df0229bd404";

base::Bytes from_hex(std::string_view hex) {
  base::Bytes bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

TEST(IdentifyMessageTest, AMessageOfJsLibp2pIsParsed) {
  const IdentifyMessage message = parse(from_hex(kJsMessage));
  EXPECT_EQ(message.agent_version, "js-libp2p/3.3.11 node/20.20.2");
  EXPECT_EQ(message.protocol_version, "ipfs/0.1.0");
  EXPECT_THAT(message.protocols, ElementsAre("/ipfs/id/1.0.0"));
  EXPECT_THAT(message.listen_addresses, SizeIs(2));
  ASSERT_TRUE(message.public_key && message.observed_address && message.signed_peer_record);
  // The observed address ends in the id of whom it was told to, not of the teller.
  EXPECT_TRUE(message.observed_address->peer_id());
  EXPECT_TRUE(multiformats::PublicKey::from_protobuf(*message.public_key));
}

TEST(IdentifyMessageTest, TheSignedRecordComesInAMessageOfItsOwn) {
  IdentifyMessage message = full_message();
  message.signed_peer_record = base::Bytes(200, 3);
  const auto messages = serialise_identify_message(message);
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_FALSE(parse(messages[0]).signed_peer_record);
  IdentifyMessage merged = parse(messages[0]);
  ASSERT_TRUE(merge_identify_message(messages[1], merged));
  EXPECT_EQ(merged, message);
}

TEST(IdentifyMessageTest, LongListsRunOverIntoFurtherMessages) {
  IdentifyMessage message = full_message();
  message.protocols.clear();
  for (int i = 0; i < 100; ++i) message.protocols.push_back("/" + std::to_string(i) + std::string(200, 'x'));
  IdentifyMessage merged;
  for (const auto& part : serialise_identify_message(message)) {
    EXPECT_LE(part.size(), kIdentifySentMessageMaxBytes);
    ASSERT_TRUE(merge_identify_message(part, merged));
  }
  EXPECT_EQ(merged, message);
}

TEST(IdentifyMessageTest, WhatDoesNotFitIsLeftOut) {
  IdentifyMessage message = full_message();
  message.protocols.assign(kIdentifyProtocolsMax, "/" + std::string(200, 'x'));
  message.signed_peer_record = base::Bytes(2 * kIdentifySentMessageMaxBytes);
  EXPECT_THAT(serialise_identify_message(message), SizeIs(kIdentifyMessagesMax));
}

TEST(IdentifyMessageTest, FieldsThatAreAbsentStayAbsent) {
  EXPECT_EQ(parse({}), IdentifyMessage());
  const auto messages = serialise_identify_message({});
  ASSERT_THAT(messages, SizeIs(1));
  EXPECT_THAT(messages[0], IsEmpty());
}

TEST(IdentifyMessageTest, AnAddressOfAnUnknownProtocolIsSkipped) {
  base::Bytes bytes = field(2, "\xff\xff\x7f\x01");
  base::append(bytes, field(2, ""));
  base::append(bytes, field(2, base::as_text(address("/ip4/192.0.2.7/tcp/1").to_bytes())));
  EXPECT_THAT(parse(bytes).listen_addresses, ElementsAre(address("/ip4/192.0.2.7/tcp/1")));
}

TEST(IdentifyMessageTest, AnObservedAddressThatCannotBeReadIsAbsent) {
  EXPECT_FALSE(parse(field(4, "\xff\xff\x7f\x01")).observed_address);
}

TEST(IdentifyMessageTest, OddProtocolIdsAreSkipped) {
  base::Bytes bytes = field(3, "no-slash");
  base::append(bytes, field(3, "/new\nline"));
  base::append(bytes, field(3, ""));
  base::append(bytes, field(3, "/good"));
  EXPECT_THAT(parse(bytes).protocols, ElementsAre("/good"));
}

TEST(IdentifyMessageTest, ListsAreBounded) {
  IdentifyMessage merged;
  base::Bytes protocols;
  for (int i = 0; i < 1000; ++i) base::append(protocols, field(3, "/p"));
  base::Bytes addresses;
  for (int i = 0; i < 500; ++i) base::append(addresses, field(2, base::as_text(address("/tcp/1").to_bytes())));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(merge_identify_message(protocols, merged));
    ASSERT_TRUE(merge_identify_message(addresses, merged));
  }
  EXPECT_THAT(merged.protocols, SizeIs(kIdentifyProtocolsMax));
  EXPECT_THAT(merged.listen_addresses, SizeIs(kIdentifyAddressesMax));
}

TEST(IdentifyMessageTest, VersionsAreMadePrintableAndCutOff) {
  EXPECT_EQ(parse(field(6, "agent\x1b[31m\n")).agent_version, "agent?[31m?");
  base::Bytes bytes{6 << 3 | 2, 0xe8, 0x07};  // 1,000 bytes
  bytes.resize(3 + 1000, 'a');
  EXPECT_THAT(*parse(bytes).agent_version, SizeIs(kIdentifyVersionMaxBytes));
}

TEST(IdentifyMessageTest, OtherFieldsAreSkipped) {
  base::Bytes bytes{0x78, 0x05};  // field 15, a varint
  base::append(bytes, field(13, "whatever"));
  base::append(bytes, base::Bytes{0x08, 0x01});  // field 1, but a varint
  base::append(bytes, field(6, "agent"));
  const IdentifyMessage message = parse(bytes);
  EXPECT_EQ(message.agent_version, "agent");
  EXPECT_FALSE(message.public_key);
}

TEST(IdentifyMessageTest, ALaterFieldReplacesAnEarlierOne) {
  base::Bytes bytes = field(6, "first");
  base::append(bytes, field(6, "second"));
  EXPECT_EQ(parse(bytes).agent_version, "second");
}

TEST(IdentifyMessageTest, WhatIsNoProtobufIsRefused) {
  EXPECT_TRUE(is_refused({0x00})) << "field 0";
  EXPECT_TRUE(is_refused({0x0a})) << "no length";
  EXPECT_TRUE(is_refused({0x0a, 5, 1})) << "shorter than its length";
  EXPECT_TRUE(is_refused({0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})) << "a length of 4 GiB";
  EXPECT_TRUE(is_refused({0x0c})) << "the end of a group that has not begun";
  EXPECT_TRUE(is_refused({0x0b})) << "a group without an end";
  EXPECT_TRUE(is_refused(base::Bytes(kIdentifyMessageMaxBytes, 0x0b))) << "groups in groups";
  EXPECT_TRUE(is_refused(base::Bytes(11, 0xff))) << "an endless tag";
  EXPECT_TRUE(is_refused(base::Bytes(kIdentifyMessageMaxBytes + 1, 0x78))) << "too long";
}

}  // namespace
}  // namespace libp2p
