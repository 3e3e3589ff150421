#include "libp2p/records/signed_envelope.h"

#include "libp2p/core/error.h"
#include "libp2p/records/records.pb.h"
#include "multiformats/foreign_key.h"
#include "multiformats/key_vectors.h"

#include <gtest/gtest.h>

namespace libp2p {
namespace {

const multiformats::PrivateKey& key() {
  static const multiformats::PrivateKey key = multiformats::PrivateKey::generate();
  return key;
}

SignedEnvelope sealed() { return seal_envelope(key(), "domain", base::Bytes{1, 2}, base::as_bytes("payload")); }

base::Error verify(const SignedEnvelope& envelope, std::string_view domain) {
  const auto verified = verify_envelope(envelope, domain);
  return verified ? base::Error() : verified.error();
}

TEST(SignedEnvelopeTest, WhatIsSealedIsReadAndVerified) {
  const auto envelope = parse_envelope(serialise_envelope(sealed()));
  ASSERT_TRUE(envelope) << envelope.error().message();
  EXPECT_EQ(envelope->public_key, key().public_key());
  EXPECT_EQ(envelope->payload_type, (base::Bytes{1, 2}));
  EXPECT_EQ(base::as_text(envelope->payload), "payload");
  EXPECT_FALSE(verify(*envelope, "domain"));
}

TEST(SignedEnvelopeTest, ASignatureIsForOnePurposeOnly) {
  EXPECT_EQ(verify(sealed(), "another"), Error::kBadSignature);
  EXPECT_EQ(verify(sealed(), ""), Error::kBadSignature);
}

TEST(SignedEnvelopeTest, WhateverIsChangedIsNoticed) {
  SignedEnvelope changed = sealed();
  changed.payload.back() ^= 1;
  EXPECT_EQ(verify(changed, "domain"), Error::kBadSignature);
  changed = sealed();
  changed.payload_type.back() ^= 1;
  EXPECT_EQ(verify(changed, "domain"), Error::kBadSignature);
  changed = sealed();
  changed.signature.back() ^= 1;
  EXPECT_EQ(verify(changed, "domain"), Error::kBadSignature);
  changed = sealed();
  changed.public_key = multiformats::PrivateKey::generate().public_key();
  EXPECT_EQ(verify(changed, "domain"), Error::kBadSignature);
  changed = sealed();  // the same bytes in a row, cut elsewhere
  changed.payload_type.push_back(changed.payload.front());
  changed.payload.erase(changed.payload.begin());
  EXPECT_EQ(verify(changed, "domain"), Error::kBadSignature);
}

// The signed bytes are made by hand here, as the RFC has them.
TEST(SignedEnvelopeTest, OtherTypesOfKeysMaySign) {
  for (const auto text : {multiformats::testing::kSecp256k1Private, multiformats::testing::kEcdsaPrivate,
                          multiformats::testing::kRsaPrivate}) {
    const multiformats::testing::ForeignKey foreign(multiformats::testing::from_hex(text));
    SignedEnvelope envelope{foreign.public_key(), base::Bytes{7}, base::to_bytes(base::as_bytes("abc")), {}};
    envelope.signature =
        foreign.sign(base::as_bytes("\x06"
                                    "domain"
                                    "\x01"
                                    "\x07"
                                    "\x03"
                                    "abc"));
    const auto read = parse_envelope(serialise_envelope(envelope));
    ASSERT_TRUE(read);
    EXPECT_FALSE(verify(*read, "domain"));
    EXPECT_EQ(verify(*read, "domaim"), Error::kBadSignature);
  }
}

TEST(SignedEnvelopeTest, WhatIsNoEnvelopeIsRefused) {
  EXPECT_EQ(parse_envelope({}).error(), Error::kMalformedMessage) << "no key";
  EXPECT_EQ(parse_envelope(base::as_bytes("\xff\xff")).error(), Error::kMalformedMessage);
  const base::Bytes good = serialise_envelope(sealed());
  for (std::size_t size = 0; size < good.size(); ++size) {
    const auto envelope = parse_envelope(base::ConstBytes(good).first(size));
    EXPECT_TRUE(!envelope || verify(*envelope, "domain")) << size;
  }
  records::pb::SignedEnvelope message;
  message.set_public_key("\x08\x01\x12\x01x");
  EXPECT_EQ(parse_envelope(base::as_bytes(message.SerializeAsString())).error(), Error::kMalformedMessage);
}

TEST(SignedEnvelopeTest, EachFieldIsBounded) {
  const auto refused = [](auto change) {
    SignedEnvelope envelope = sealed();
    change(envelope);
    return parse_envelope(serialise_envelope(envelope)).error() == Error::kMessageTooLong;
  };
  EXPECT_TRUE(refused([](auto& e) { e.payload.resize(kSignedEnvelopeMaxBytes); }));
  EXPECT_TRUE(refused([](auto& e) { e.payload_type.resize(kPayloadTypeMaxBytes + 1); }));
  EXPECT_TRUE(refused([](auto& e) { e.signature.resize(kEnvelopeSignatureMaxBytes + 1); }));
}

}  // namespace
}  // namespace libp2p
