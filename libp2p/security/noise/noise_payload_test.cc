#include "libp2p/security/noise/noise_payload.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_payload.pb.h"
#include "libp2p/security/noise/noise_state.h"

#include <gtest/gtest.h>

namespace libp2p::noise {
namespace {

class NoisePayloadTest : public ::testing::Test {
 protected:
  NoisePayloadTest() {
    const base::Bytes bytes = make_payload(identity_, static_key_, {"/yamux/1.0.0"});
    message_.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }
  base::Result<HandshakePayload> parse() const { return parse_payload(base::as_bytes(message_.SerializeAsString())); }

  multiformats::PrivateKey identity_ = multiformats::PrivateKey::generate();
  Block static_key_ = KeyPair::generate().public_key;
  pb::NoiseHandshakePayload message_;
};

TEST_F(NoisePayloadTest, OursIsAccepted) {
  const auto payload = parse();
  ASSERT_TRUE(payload);
  EXPECT_EQ(payload->identity_key, identity_.public_key());
  EXPECT_EQ(payload->stream_muxers, std::vector<std::string>{"/yamux/1.0.0"});
  EXPECT_TRUE(verify_payload(*payload, static_key_));
}

TEST_F(NoisePayloadTest, WithoutAMuxerThereAreNoExtensions) {
  const auto payload = parse_payload(make_payload(identity_, static_key_, {}));
  ASSERT_TRUE(payload);
  EXPECT_TRUE(payload->stream_muxers.empty());
}

TEST_F(NoisePayloadTest, TheSignatureIsOverThisStaticKey) {
  const auto payload = parse();
  EXPECT_EQ(verify_payload(*payload, KeyPair::generate().public_key).error(), Error::kBadSignature);
}

TEST_F(NoisePayloadTest, AnotherKeysSignatureIsRefused) {
  const auto other = multiformats::PrivateKey::generate().public_key().to_protobuf();
  message_.set_identity_key(std::string(base::as_text(other)));
  const auto payload = parse();
  ASSERT_TRUE(payload);
  EXPECT_EQ(verify_payload(*payload, static_key_).error(), Error::kBadSignature);
}

TEST_F(NoisePayloadTest, ASignatureOfAnotherLengthIsRefused) {
  message_.mutable_identity_sig()->pop_back();
  EXPECT_EQ(verify_payload(*parse(), static_key_).error(), Error::kBadSignature);
}

TEST_F(NoisePayloadTest, KeyAndSignatureAreRequired) {
  auto without_key = message_;
  without_key.clear_identity_key();
  EXPECT_FALSE(parse_payload(base::as_bytes(without_key.SerializeAsString())));
  auto without_signature = message_;
  without_signature.clear_identity_sig();
  EXPECT_FALSE(parse_payload(base::as_bytes(without_signature.SerializeAsString())));
  EXPECT_FALSE(parse_payload({}));
}

TEST_F(NoisePayloadTest, WhatIsNoProtobufIsRefused) {
  const auto payload = parse_payload(base::as_bytes("\xff\xff\xff\xff"));
  ASSERT_FALSE(payload);
  EXPECT_EQ(payload.error(), Error::kMalformedMessage);
}

TEST_F(NoisePayloadTest, ListsAreBounded) {
  auto many = message_;
  for (std::size_t i = 0; i < kMuxersMax; ++i) many.mutable_extensions()->add_stream_muxers("/m");
  EXPECT_FALSE(parse_payload(base::as_bytes(many.SerializeAsString())));
  auto longer = message_;
  longer.mutable_extensions()->add_stream_muxers(std::string(kMuxerMaxBytes + 1, 'm'));
  EXPECT_FALSE(parse_payload(base::as_bytes(longer.SerializeAsString())));
  auto signature = message_;
  signature.set_identity_sig(std::string(kSignatureMaxBytes + 1, 's'));
  EXPECT_FALSE(parse_payload(base::as_bytes(signature.SerializeAsString())));
}

TEST(AgreeOnMuxer, OursIfThePeerListedIt) {
  EXPECT_EQ(*agree_on_muxer({"/yamux/1.0.0"}, {"/mplex/6.7.0", "/yamux/1.0.0"}), "/yamux/1.0.0");
}

TEST(AgreeOnMuxer, TheInitiatorsOrderDecides) {
  EXPECT_EQ(*agree_on_muxer({"/b/1", "/a/1"}, {"/a/1", "/b/1"}), "/b/1");
}

TEST(AgreeOnMuxer, LeftToMultistreamIfEitherListedNone) {
  EXPECT_EQ(*agree_on_muxer({"/yamux/1.0.0"}, {}), "");
  EXPECT_EQ(*agree_on_muxer({}, {"/yamux/1.0.0"}), "");
}

TEST(AgreeOnMuxer, NoneInCommonFails) {
  EXPECT_EQ(agree_on_muxer({"/yamux/1.0.0"}, {"/mplex/6.7.0"}).error(), Error::kProtocolNotSupported);
}

}  // namespace
}  // namespace libp2p::noise
