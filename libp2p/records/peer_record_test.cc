#include "libp2p/records/peer_record.h"

#include "libp2p/core/error.h"
#include "libp2p/records/records.pb.h"
#include "multiformats/foreign_key.h"
#include "multiformats/key_vectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace libp2p {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

/// What js-libp2p 3.3.11 sent in identify.
constexpr std::string_view kJsEnvelope =
    "0a24080112206d81e45dd2cf6286620078800bdb2ae76b0201d08e050d60f746f9bbd6471d3b120203011a530a260024080112206d81e45d"
    "d2cf6286620078800bdb2ae76b0201d08e050d60f746f9bbd6471d3b10cbe6c4c9a0341a0a0a08047f0000010697db1a160a142900000000"
    "00000000000000000000000106920d2a40620baa7ce016331aad769fda8997b72f9aef954f6a56ff03dedaa68f0e6e44a73c4288dd788188"
    "dcde5e8d5ea8237310f4d284f4db1d901a79a97df0229bd404";

multiformats::Multiaddr address(std::string_view text) { return multiformats::Multiaddr::from_text(text).value(); }

class PeerRecordTest : public ::testing::Test {
 protected:
  multiformats::PrivateKey key_ = multiformats::PrivateKey::generate();
  PeerRecord record_{multiformats::PeerId::from_public_key(key_.public_key()),
                     1'700'000'000'123'456'789,
                     {address("/ip4/192.0.2.7/tcp/4001"), address("/ip6/2001:db8::1/tcp/4001")}};
};

base::Bytes payload_of(const PeerRecord& record) {
  records::pb::PeerRecord message;
  message.set_peer_id(std::string(base::as_text(record.peer.as_bytes())));
  message.set_seq(record.seq);
  for (const auto& each : record.addresses) {
    message.add_addresses()->set_multiaddr(std::string(base::as_text(each.to_bytes())));
  }
  return base::to_bytes(base::as_bytes(message.SerializeAsString()));
}

TEST_F(PeerRecordTest, WhatIsSealedIsOpened) {
  const auto opened = open_peer_record(seal_peer_record(key_, record_));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(*opened, record_);
  record_ = {record_.peer, 0, {}};
  EXPECT_EQ(open_peer_record(seal_peer_record(key_, record_)).value(), record_);
}

TEST_F(PeerRecordTest, ARecordOfJsLibp2pIsOpened) {
  const auto opened = open_peer_record(multiformats::testing::from_hex(kJsEnvelope));
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_THAT(opened->addresses, ElementsAre(address("/ip4/127.0.0.1/tcp/38875"), address("/ip6/::1/tcp/37389")));
  EXPECT_GT(opened->seq, 0u);
}

TEST_F(PeerRecordTest, TheFormThatRustMakesByDefaultIsOpenedToo) {
  const auto envelope =
      seal_envelope(key_, "libp2p-routing-state", base::as_bytes("/libp2p/routing-state-record"), payload_of(record_));
  EXPECT_EQ(open_peer_record(serialise_envelope(envelope)).value(), record_);
}

TEST_F(PeerRecordTest, DomainAndTypeBelongTogether) {
  const auto opened = [this](std::string_view domain, std::string_view type) {
    return open_peer_record(serialise_envelope(seal_envelope(key_, domain, base::as_bytes(type), payload_of(record_))));
  };
  EXPECT_TRUE(opened("libp2p-peer-record", "\x03\x01"));
  EXPECT_EQ(opened("libp2p-routing-state", "\x03\x01").error(), Error::kBadSignature);
  EXPECT_EQ(opened("libp2p-peer-record", "/libp2p/routing-state-record").error(), Error::kBadSignature);
  EXPECT_EQ(opened("libp2p-peer-record", "\x03\x02").error(), Error::kMalformedMessage);
  EXPECT_EQ(opened("libp2p-peer-record", "").error(), Error::kMalformedMessage);
}

TEST_F(PeerRecordTest, ARecordOfAnotherPeerIsRefused) {
  const auto envelope = seal_envelope(multiformats::PrivateKey::generate(), "libp2p-peer-record",
                                      base::as_bytes("\x03\x01"), payload_of(record_));
  EXPECT_EQ(open_peer_record(serialise_envelope(envelope)).error(), Error::kBadSignature);
}

TEST_F(PeerRecordTest, EveryBitOfAnEnvelopeCounts) {
  const base::Bytes good = seal_peer_record(key_, record_);
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    base::Bytes changed = good;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(open_peer_record(changed)) << bit;
  }
}

TEST_F(PeerRecordTest, APayloadThatIsNoRecordIsRefused) {
  const auto opened = [this](base::ConstBytes payload) {
    return open_peer_record(
        serialise_envelope(seal_envelope(key_, "libp2p-peer-record", base::as_bytes("\x03\x01"), payload)));
  };
  EXPECT_EQ(opened({}).error(), Error::kMalformedMessage);
  EXPECT_EQ(opened(base::as_bytes("\x0a\x03xyz")).error(), Error::kMalformedMessage) << "no peer id";
  EXPECT_EQ(opened(base::as_bytes("\x1a\x05x")).error(), Error::kMalformedMessage) << "truncated";
}

TEST_F(PeerRecordTest, AddressesThatWeDoNotKnowAreLeftOut) {
  records::pb::PeerRecord message;
  message.set_peer_id(std::string(base::as_text(record_.peer.as_bytes())));
  message.add_addresses()->set_multiaddr("\xff\xff\x7f\x01");
  message.add_addresses()->set_multiaddr("");
  message.add_addresses();
  message.add_addresses()->set_multiaddr(std::string(base::as_text(address("/ip4/192.0.2.7/tcp/1").to_bytes())));
  const auto envelope = seal_envelope(key_, "libp2p-peer-record", base::as_bytes("\x03\x01"),
                                      base::as_bytes(message.SerializeAsString()));
  EXPECT_THAT(open_peer_record(serialise_envelope(envelope))->addresses, ElementsAre(address("/ip4/192.0.2.7/tcp/1")));
}

TEST_F(PeerRecordTest, AddressesAreBounded) {
  record_.addresses.assign(kPeerRecordAddressesMax + 1, address("/tcp/1"));
  EXPECT_THAT(open_peer_record(seal_peer_record(key_, record_))->addresses, SizeIs(kPeerRecordAddressesMax));
}

}  // namespace
}  // namespace libp2p
