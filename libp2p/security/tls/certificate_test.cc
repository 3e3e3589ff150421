#include "libp2p/security/tls/certificate.h"

#include "libp2p/core/error.h"
#include "libp2p/security/tls/signed_key.h"
#include "libp2p/security/tls/testing/certificate_vectors.h"
#include "libp2p/security/tls/testing/test_certificate.h"
#include "multiformats/multibase.h"
#include "multiformats/peer_id.h"

#include <gtest/gtest.h>

namespace libp2p::tls {
namespace {

base::Bytes from_hex(std::string_view text) {
  return multiformats::decode_base(multiformats::Base::kBase16, text).value();
}

TEST(Certificate, TheSpecsVectorsAreTheirPeers) {
  const std::pair<std::string_view, std::string_view> vectors[] = {
      {testing::kEd25519Certificate, testing::kEd25519Peer},
      {testing::kEcdsaCertificate, testing::kEcdsaPeer},
      {testing::kSecp256k1Certificate, testing::kSecp256k1Peer}};
  for (const auto& [certificate, peer] : vectors) {
    const auto key = verify_certificate(from_hex(certificate), std::time(nullptr));
    ASSERT_TRUE(key) << peer << ": " << key.error().message();
    EXPECT_EQ(multiformats::PeerId::from_public_key(*key).to_text(), peer);
  }
}

TEST(Certificate, TheSpecsInvalidOneIsRefused) {
  EXPECT_EQ(verify_certificate(from_hex(testing::kInvalidCertificate), std::time(nullptr)).error(),
            Error::kBadSignature);
}

TEST(Certificate, OursIsValidFromTheDayBeforeForLongerThanANodeRuns) {
  const auto identity = multiformats::PrivateKey::generate();
  const std::time_t now = std::time(nullptr);
  const Certificate made = make_certificate(identity, now);
  constexpr std::time_t kHour = 3600;
  constexpr std::time_t kYear = 365 * 24 * kHour;
  for (const std::time_t when : {now - 23 * kHour, now, now + 99 * kYear}) {
    const auto key = verify_certificate(made.certificate.get(), when);
    ASSERT_TRUE(key) << key.error().message();
    EXPECT_EQ(*key, identity.public_key());
  }
  for (const std::time_t when : {now - 25 * kHour, now + 101 * kYear}) {
    EXPECT_EQ(verify_certificate(made.certificate.get(), when).error(), Error::kHandshakeFailed);
  }
}

TEST(Certificate, EveryBitCounts) {
  const base::Bytes good =
      testing::to_der(make_certificate(multiformats::PrivateKey::generate(), 1'700'000'000).certificate.get());
  ASSERT_TRUE(verify_certificate(good, 1'700'000'000));
  for (std::size_t i = 0; i < good.size(); ++i) {
    base::Bytes bad = good;
    bad[i] ^= 1;
    EXPECT_FALSE(verify_certificate(bad, 1'700'000'000)) << "byte " << i;
  }
}

TEST(Certificate, WhatIsNoneIsRefused) {
  const base::Bytes good =
      testing::to_der(make_certificate(multiformats::PrivateKey::generate(), 1'700'000'000).certificate.get());
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(verify_certificate(base::ConstBytes(good).first(size), 1'700'000'000)) << size;
  }
  base::Bytes longer = good;
  longer.push_back(0);
  EXPECT_EQ(verify_certificate(longer, 1'700'000'000).error(), Error::kMalformedMessage);
}

class SignedKeyTest : public ::testing::Test {
 protected:
  const multiformats::PrivateKey identity_ = multiformats::PrivateKey::generate();
  const base::Bytes subject_ = base::to_bytes(base::as_bytes("a SubjectPublicKeyInfo"));
  const base::Bytes good_ = make_signed_key(identity_, subject_);
};

TEST_F(SignedKeyTest, OursIsAccepted) {
  const auto key = parse_signed_key(good_);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->public_key, identity_.public_key());
  EXPECT_TRUE(verify_signed_key(*key, subject_));
  EXPECT_EQ(verify_signed_key(*key, base::as_bytes("another")).error(), Error::kBadSignature);
}

TEST_F(SignedKeyTest, ItHasOneEncoding) {
  for (std::size_t size = 0; size < good_.size(); ++size) {
    EXPECT_FALSE(parse_signed_key(base::ConstBytes(good_).first(size))) << size;
  }
  base::Bytes longer = good_;
  longer.push_back(0);
  EXPECT_FALSE(parse_signed_key(longer)) << "something behind it";
  const base::ConstBytes content = base::ConstBytes(good_).subspan(2);
  base::Bytes long_length{0x30, 0x81, static_cast<std::uint8_t>(content.size())};
  base::append(long_length, content);
  EXPECT_FALSE(parse_signed_key(long_length)) << "a length that is longer than it needs to be";
  base::Bytes endless{0x30, 0x80};
  base::append(endless, content);
  endless.insert(endless.end(), {0, 0});
  EXPECT_FALSE(parse_signed_key(endless)) << "BER's indefinite length";
  base::Bytes more_inside{0x30, static_cast<std::uint8_t>(content.size() + 2)};
  base::append(more_inside, content);
  more_inside.insert(more_inside.end(), {0x05, 0x00});
  EXPECT_FALSE(parse_signed_key(more_inside)) << "a third value";
  base::Bytes other_tag = good_;
  other_tag[2] = 0x03;
  EXPECT_FALSE(parse_signed_key(other_tag)) << "a BIT STRING";
}

TEST_F(SignedKeyTest, SizesAreBounded) {
  EXPECT_EQ(parse_signed_key(base::Bytes(kSignedKeyMaxBytes + 1, 0x30)).error(), Error::kMalformedMessage);
  base::Bytes no_signature{0x30, 0x28, 0x04, 0x24};
  base::append(no_signature, identity_.public_key().to_protobuf());
  no_signature.insert(no_signature.end(), {0x04, 0x00});
  EXPECT_EQ(parse_signed_key(no_signature).error(), Error::kMalformedMessage);
}

}  // namespace
}  // namespace libp2p::tls
