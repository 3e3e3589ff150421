// Signatures of the types of keys that other implementations' peers may have.
#include "multiformats/errors.h"
#include "multiformats/foreign_key.h"
#include "multiformats/key_vectors.h"
#include "multiformats/keys.h"
#include "multiformats/peer_id.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

namespace multiformats {
namespace {

using testing::ForeignKey;
using testing::from_hex;

struct Vector {
  const char* name;
  std::string_view private_key;
  std::string_view public_key;
};

class PublicKeyTest : public ::testing::TestWithParam<Vector> {
 protected:
  PublicKeyTest() : key_(from_hex(GetParam().private_key)), public_key_(key_.public_key()) {}

  base::Error verify(base::ConstBytes message, base::ConstBytes signature) const {
    const auto verified = public_key_.verify(message, signature);
    return verified ? base::Error() : verified.error();
  }

  const base::ConstBytes message_ = base::as_bytes("message");
  ForeignKey key_;
  PublicKey public_key_;
};

TEST_P(PublicKeyTest, ThePrivateKeyOfTheSpecHasThePublicKeyOfTheSpec) {
  EXPECT_EQ(base::to_hex(key_.public_protobuf()), GetParam().public_key);
}

TEST_P(PublicKeyTest, ASignatureFitsItsMessageOnly) {
  const base::Bytes signature = key_.sign(message_);
  EXPECT_FALSE(verify(message_, signature));
  EXPECT_FALSE(verify({}, key_.sign({})));
  EXPECT_EQ(verify(base::as_bytes("massage"), signature), Errc::kBadSignature);
  EXPECT_EQ(verify({}, signature), Errc::kBadSignature);
}

TEST_P(PublicKeyTest, EveryBitOfTheSignatureCounts) {
  const base::Bytes signature = key_.sign(message_);
  for (std::size_t at = 0; at < signature.size(); ++at) {
    base::Bytes bad = signature;
    bad[at] ^= static_cast<std::uint8_t>(1 << (at % 8));
    EXPECT_EQ(verify(message_, bad), Errc::kBadSignature) << at;
  }
}

TEST_P(PublicKeyTest, SignaturesOfAnotherLengthAreRefused) {
  const base::Bytes signature = key_.sign(message_);
  for (std::size_t size = 0; size < signature.size(); ++size) {
    EXPECT_EQ(verify(message_, base::ConstBytes(signature).first(size)), Errc::kBadSignature) << size;
  }
  base::Bytes longer = signature;
  longer.push_back(0);
  EXPECT_EQ(verify(message_, longer), Errc::kBadSignature);
  longer = signature;
  longer.insert(longer.begin(), 0);
  EXPECT_EQ(verify(message_, longer), Errc::kBadSignature);
  EXPECT_EQ(verify(message_, base::Bytes(100'000)), Errc::kBadSignature);
}

TEST_P(PublicKeyTest, AnotherPeersSignatureIsRefused) {
  const auto ours = PrivateKey::generate();
  EXPECT_EQ(verify(message_, ours.sign(message_)), Errc::kBadSignature);
  EXPECT_EQ(ours.public_key().verify(message_, key_.sign(message_)).error(), Errc::kBadSignature);
}

TEST_P(PublicKeyTest, ThePeerIdIsTheKeysOwn) {
  const auto id = PeerId::from_public_key(public_key_);
  EXPECT_TRUE(id.matches(public_key_));
  EXPECT_FALSE(id.matches(PrivateKey::generate().public_key()));
  EXPECT_EQ(id.public_key().has_value(), public_key_.to_protobuf().size() <= kInlinedKeyBytesMax);
}

TEST_P(PublicKeyTest, NoErrorsPileUpInOpenssl) {
  ERR_clear_error();
  EXPECT_EQ(verify(message_, base::Bytes(64)), Errc::kBadSignature);
  EXPECT_EQ(ERR_peek_error(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Types, PublicKeyTest,
                         ::testing::Values(Vector{"Secp256k1", testing::kSecp256k1Private, testing::kSecp256k1Public},
                                           Vector{"Ecdsa", testing::kEcdsaPrivate, testing::kEcdsaPublic},
                                           Vector{"Rsa", testing::kRsaPrivate, testing::kRsaPublic}),
                         [](const auto& test) { return test.param.name; });

TEST(EcdsaSignatureTest, OtherEncodingsThanDerAreRefused) {
  const ForeignKey key(from_hex(testing::kEcdsaPrivate));
  const base::Bytes good = key.sign(base::as_bytes("message"));
  base::Bytes long_length = good;  // the length of the whole in two bytes
  long_length.insert(long_length.begin() + 1, 0x81);
  EXPECT_EQ(key.public_key().verify(base::as_bytes("message"), long_length).error(), Errc::kBadSignature);
  base::Bytes padded = good;  // a zero more before the first number
  padded.insert(padded.begin() + 4, 0x00);
  ++padded[1];
  ++padded[3];
  EXPECT_EQ(key.public_key().verify(base::as_bytes("message"), padded).error(), Errc::kBadSignature);
}

TEST(PublicKeyPointTest, APointThatIsNotOnItsCurveIsNoKey) {
  base::Bytes ecdsa = from_hex(testing::kEcdsaPublic);
  ecdsa.back() ^= 1;
  EXPECT_EQ(PublicKey::from_protobuf(ecdsa)->verify({}, base::Bytes(70)).error(), Errc::kBadKey);
  base::Bytes secp256k1 = from_hex(testing::kSecp256k1Public);
  std::fill(secp256k1.begin() + 5, secp256k1.end(), 0);
  secp256k1.back() = 5;  // 5³ + 7 is no square
  EXPECT_EQ(PublicKey::from_protobuf(secp256k1)->verify({}, base::Bytes(70)).error(), Errc::kBadKey);
  std::fill(secp256k1.begin() + 5, secp256k1.end(), 0xff);  // beyond the field: another encoding of a smaller x
  EXPECT_EQ(PublicKey::from_protobuf(secp256k1)->verify({}, base::Bytes(70)).error(), Errc::kBadKey);
}

}  // namespace
}  // namespace multiformats
