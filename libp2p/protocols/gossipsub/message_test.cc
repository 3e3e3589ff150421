#include "libp2p/protocols/gossipsub/message.h"

#include "libp2p/core/error.h"
#include "libp2p/protocols/gossipsub/testing/test_peers.h"
#include "multiformats/foreign_key.h"
#include "multiformats/key_vectors.h"

#include <gtest/gtest.h>

namespace libp2p::gossipsub {
namespace {

using testing::key;
using testing::message;
using testing::peer;
using testing::raw;

TEST(GossipsubMessage, SurvivesItsFrame) {
  const auto sent = message(1, 0x0102030405060708, "a topic", "some data");
  const RawMessage received = raw(*sent);
  const auto view = view_of(received).value();
  EXPECT_EQ(view.from, peer(1));
  EXPECT_EQ(view.seqno, 0x0102030405060708u);
  EXPECT_EQ(view.topic, "a topic");
  EXPECT_EQ(base::as_text(view.data), "some data");
  EXPECT_TRUE(verify_message(received, view.from));
  const auto passed_on = make_message(received, view, default_message_id(view));
  EXPECT_EQ(*passed_on->frame, *sent->frame);
  EXPECT_EQ(base::as_text(passed_on->data), "some data");
  EXPECT_EQ(passed_on->id, sent->id);
}

TEST(GossipsubMessage, DataPointsIntoTheFrameAtEverySize) {
  for (const std::size_t size : {0u, 1u, 126u, 127u, 128u, 129u, 16'383u, 16'384u, 60'000u}) {
    const std::string data(size, 'x');
    const auto sent = message(1, 7, "topic", data);
    EXPECT_EQ(base::as_text(sent->data), data);
    EXPECT_TRUE(verify_message(raw(*sent), peer(1)));
  }
}

TEST(GossipsubMessage, DefaultIdIsAuthorAndNumber) {
  const auto sent = message(1, 0x0102030405060708);
  EXPECT_EQ(sent->id, std::string(base::as_text(peer(1).as_bytes())) + "\x01\x02\x03\x04\x05\x06\x07\x08");
}

TEST(GossipsubMessage, IsSignedOverItsFieldsInOrder) {
  base::Bytes bytes = base::to_bytes(base::as_bytes("libp2p-pubsub:"));
  const auto sent = message(1, 1);
  const RawMessage received = raw(*sent);
  append_bytes_field(bytes, 1, received.from);
  append_bytes_field(bytes, 2, *received.data);
  append_bytes_field(bytes, 3, received.seqno);
  append_bytes_field(bytes, 4, base::as_bytes(received.topic));
  EXPECT_TRUE(key(1).public_key().verify(bytes, received.signature));
}

TEST(GossipsubMessage, AnyChangeIsABadSignature) {
  const auto sent = message(1, 1);
  const RawMessage good = raw(*sent);
  const auto refused = [](const RawMessage& bad) {
    return verify_message(bad, peer(1)).error() == Error::kBadSignature;
  };
  RawMessage bad = good;
  bad.data = base::as_bytes("other");
  EXPECT_TRUE(refused(bad));
  bad.data.reset();
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.topic = "other";
  EXPECT_TRUE(refused(bad));
  bad = good;
  bad.seqno = base::as_bytes("12345678");
  EXPECT_TRUE(refused(bad));
  const auto other = message(2, 1);
  bad = good;
  bad.signature = raw(*other).signature;
  EXPECT_TRUE(refused(bad));
  // Another key than the author's, although that has signed it.
  const base::Bytes others_key = key(2).public_key().to_protobuf();
  bad = raw(*other);
  bad.key = others_key;
  EXPECT_TRUE(refused(bad));
  bad.key = base::as_bytes("no key");
  EXPECT_TRUE(refused(bad));
}

TEST(GossipsubMessage, AKeyThatIsNotInTheIdComesWithTheMessage) {
  const multiformats::testing::ForeignKey rsa(multiformats::testing::from_hex(multiformats::testing::kRsaPrivate));
  const auto author = multiformats::PeerId::from_public_key(rsa.public_key());
  RawMessage signed_by_rsa;
  signed_by_rsa.from = author.as_bytes();
  signed_by_rsa.data = base::as_bytes("data");
  signed_by_rsa.seqno = base::as_bytes("12345678");
  signed_by_rsa.topic = "topic";
  base::Bytes bytes = base::to_bytes(base::as_bytes("libp2p-pubsub:"));
  append_bytes_field(bytes, 1, signed_by_rsa.from);
  append_bytes_field(bytes, 2, *signed_by_rsa.data);
  append_bytes_field(bytes, 3, signed_by_rsa.seqno);
  append_bytes_field(bytes, 4, base::as_bytes(signed_by_rsa.topic));
  const base::Bytes signature = rsa.sign(bytes);
  signed_by_rsa.signature = signature;
  EXPECT_EQ(verify_message(signed_by_rsa, author).error(), Error::kBadSignature);
  const base::Bytes public_key = rsa.public_protobuf();
  signed_by_rsa.key = public_key;
  EXPECT_TRUE(verify_message(signed_by_rsa, author));
  const auto view = view_of(signed_by_rsa).value();
  const auto passed_on = make_message(signed_by_rsa, view, "id");
  EXPECT_TRUE(verify_message(raw(*passed_on), author));
}

TEST(GossipsubMessage, WhatStrictSignWantsMustBeThere) {
  const auto sent = message(1, 1);
  const RawMessage good = raw(*sent);
  ASSERT_TRUE(view_of(good));
  const std::string long_topic(kTopicBytesMax + 1, 't');
  const base::Bytes long_signature(kSignatureBytesMax + 1);
  const base::Bytes long_key(multiformats::kPublicKeyBytesMax + 1);
  std::vector<RawMessage> bad(8, good);
  bad[0].from = {};
  bad[1].from = base::as_bytes("nobody");
  bad[2].seqno = good.seqno.first(7);
  bad[3].signature = {};
  bad[4].topic = {};
  bad[5].topic = long_topic;
  bad[6].signature = long_signature;
  bad[7].key = long_key;
  for (const RawMessage& each : bad) EXPECT_EQ(view_of(each).error(), Error::kMalformedMessage);
}

}  // namespace
}  // namespace libp2p::gossipsub
