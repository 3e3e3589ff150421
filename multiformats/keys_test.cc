#include "multiformats/keys.h"

#include "multiformats/errors.h"
#include "multiformats/key_vectors.h"

#include <gtest/gtest.h>

namespace multiformats {
namespace {

using testing::kEd25519Private;
using testing::kEd25519Public;

base::Bytes hex(std::string_view text) { return testing::from_hex(text); }

TEST(KeysTest, ThePrivateKeyOfTheSpecMakesItsPublicKey) {
  const auto key = PrivateKey::from_protobuf(hex(kEd25519Private));
  ASSERT_TRUE(key) << key.error().message();
  EXPECT_EQ(base::to_hex(key->public_key().to_protobuf()), kEd25519Public);
  EXPECT_EQ(base::to_hex(key->to_protobuf()), kEd25519Private);
}

TEST(KeysTest, TheOlderFormWithTwoPublicKeysIsRead) {
  const auto key = hex(kEd25519Private);
  base::Bytes older = {0x08, 0x01, 0x12, 0x60};
  older.insert(older.end(), key.begin() + 4, key.end());
  older.insert(older.end(), key.begin() + 36, key.end());
  const auto read = PrivateKey::from_protobuf(older);
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->to_protobuf(), key);
  older.back() ^= 1;
  EXPECT_EQ(PrivateKey::from_protobuf(older).error(), Errc::kBadKey) << "the two copies differ";
}

TEST(KeysTest, EveryPublicKeyOfTheSpecIsReadAndKept) {
  const std::pair<std::string_view, KeyType> keys[] = {{kEd25519Public, KeyType::kEd25519},
                                                       {testing::kSecp256k1Public, KeyType::kSecp256k1},
                                                       {testing::kEcdsaPublic, KeyType::kEcdsa},
                                                       {testing::kRsaPublic, KeyType::kRsa}};
  for (const auto& [text, type] : keys) {
    const auto key = PublicKey::from_protobuf(hex(text));
    ASSERT_TRUE(key) << key.error().message();
    EXPECT_EQ(key->type(), type);
    EXPECT_EQ(base::to_hex(key->to_protobuf()), text);
  }
}

TEST(KeysTest, ASignatureFitsItsMessageAndKeyOnly) {
  const auto key = PrivateKey::generate();
  auto signature = key.sign(base::as_bytes("message"));
  ASSERT_EQ(signature.size(), kEd25519SignatureBytes);
  EXPECT_TRUE(key.public_key().verify(base::as_bytes("message"), signature));
  EXPECT_EQ(key.public_key().verify(base::as_bytes("massage"), signature).error(), Errc::kBadSignature);
  EXPECT_EQ(PrivateKey::generate().public_key().verify(base::as_bytes("message"), signature).error(),
            Errc::kBadSignature);
  EXPECT_EQ(key.public_key().verify(base::as_bytes("message"), {}).error(), Errc::kBadSignature);
  signature.push_back(0);
  EXPECT_EQ(key.public_key().verify(base::as_bytes("message"), signature).error(), Errc::kBadSignature);
}

// RFC 8032, section 7.1, test 2.
TEST(KeysTest, SignsAsRfc8032Does) {
  const auto seed = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  const auto key = PrivateKey::from_ed25519_seed(std::span(seed).first<32>());
  EXPECT_EQ(base::to_hex(key.public_key().data()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(
      base::to_hex(key.sign(base::Bytes{0x72})),
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302a"
      "eeb00d291612bb0c00");
}

TEST(KeysTest, PrivateKeysOfOtherTypesAreUnsupported) {
  for (auto text : {testing::kSecp256k1Private, testing::kEcdsaPrivate, testing::kRsaPrivate}) {
    EXPECT_EQ(PrivateKey::from_protobuf(hex(text)).error(), Errc::kUnsupportedKeyType);
  }
}

TEST(KeysTest, OtherEncodingsThanTheSpecsAreRefused) {
  const auto good = hex(kEd25519Public);
  const auto with = [&](auto change) {
    base::Bytes bytes = good;
    change(bytes);
    return PublicKey::from_protobuf(bytes).error();
  };
  EXPECT_EQ(PublicKey::from_protobuf({}).error(), Errc::kBadProtobuf);
  EXPECT_EQ(PublicKey::from_protobuf(base::Bytes{0x08, 0x01}).error(), Errc::kBadProtobuf) << "no data";
  EXPECT_EQ(with([](auto& b) { b[1] = 4; }), Errc::kUnknownKeyType);
  EXPECT_EQ(with([](auto& b) { b.pop_back(); }), Errc::kBadProtobuf);
  EXPECT_EQ(with([](auto& b) { b.push_back(0); }), Errc::kBadProtobuf);
  EXPECT_EQ(with([](auto& b) {
              b.insert(b.begin() + 4, 0x00);
              b[3] = 0xa0;
            }),
            Errc::kBadProtobuf)
      << "not minimal";
  EXPECT_EQ(with([](auto& b) {
              b.insert(b.begin() + 2, 0x00);
              b[1] = 0x81;
            }),
            Errc::kBadProtobuf)
      << "not minimal";
  EXPECT_EQ(with([](auto& b) {
              b.pop_back();
              b[3] = 31;
            }),
            Errc::kBadKey);
  EXPECT_EQ(with([](auto& b) { std::rotate(b.begin(), b.begin() + 2, b.end()); }), Errc::kBadProtobuf) << "order";
  EXPECT_EQ(PublicKey::from_protobuf(base::Bytes{0x08, 0x00, 0x12, 0x00}).error(), Errc::kBadKey) << "empty data";
  EXPECT_EQ(PublicKey::from_protobuf(base::Bytes(kPublicKeyBytesMax + 1)).error(), Errc::kTooLong);
}

TEST(KeysTest, APublicHalfThatIsNotTheSeedsIsRefused) {
  auto bytes = hex(kEd25519Private);
  bytes.back() ^= 1;
  EXPECT_EQ(PrivateKey::from_protobuf(bytes).error(), Errc::kBadKey);
}

}  // namespace
}  // namespace multiformats
