#include "multiformats/pkix.h"

#include "multiformats/errors.h"
#include "multiformats/key_vectors.h"
#include "multiformats/keys.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace multiformats {
namespace {

base::Bytes element(std::uint8_t tag, base::ConstBytes content) {
  base::Bytes bytes{tag};
  if (content.size() >= 0x100) {
    base::append(bytes, base::Bytes{0x82, static_cast<std::uint8_t>(content.size() >> 8)});
  } else if (content.size() >= 0x80) {
    bytes.push_back(0x81);
  }
  bytes.push_back(static_cast<std::uint8_t>(content.size()));
  base::append(bytes, content);
  return bytes;
}

base::Bytes joined(base::Bytes first, base::ConstBytes second) {
  base::append(first, second);
  return first;
}

base::Bytes rsa_key(base::ConstBytes modulus, base::ConstBytes exponent) {
  const base::Bytes algorithm{0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};
  const base::Bytes numbers = element(0x30, joined(element(0x02, modulus), element(0x02, exponent)));
  return element(0x30, joined(algorithm, element(0x03, joined(base::Bytes{0}, numbers))));
}

/// An odd number of `bits` bits, with the zero before it that keeps it positive.
base::Bytes modulus_of(std::size_t bits) {
  base::Bytes number((bits + 7) / 8, 0xa5);
  number[0] = static_cast<std::uint8_t>(1 << ((bits - 1) % 8));
  if (number[0] & 0x80) number.insert(number.begin(), 0);
  return number;
}

const base::Bytes kExponent{1, 0, 1};

base::Error check_rsa(base::ConstBytes der) {
  const auto checked = check_rsa_pkix(der);
  return checked ? base::Error() : checked.error();
}

/// What OpenSSL makes of a key; empty if it makes nothing of it.
base::Bytes reencoded(base::ConstBytes der) {
  const std::uint8_t* at = der.data();
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())),
                                                                EVP_PKEY_free);
  if (!key) return {};
  base::Bytes again(static_cast<std::size_t>(i2d_PUBKEY(key.get(), nullptr)));
  std::uint8_t* out = again.data();
  i2d_PUBKEY(key.get(), &out);
  return again;
}

base::Bytes vector_data(std::string_view text, std::size_t header) {
  const base::Bytes protobuf = testing::from_hex(text);
  return base::to_bytes(base::ConstBytes(protobuf).subspan(header));
}

TEST(RsaPkixTest, KeysWithinTheBoundsAreTaken) {
  for (std::size_t bits : {kRsaBitsMin, std::size_t{3072}, std::size_t{4095}, kRsaBitsMax}) {
    EXPECT_FALSE(check_rsa(rsa_key(modulus_of(bits), kExponent))) << bits;
  }
  EXPECT_FALSE(check_rsa(rsa_key(modulus_of(2048), base::Bytes{3})));
  EXPECT_FALSE(check_rsa(rsa_key(modulus_of(2048), base::Bytes{0, 0xff, 0xff, 0xff, 0xff})));
}

TEST(RsaPkixTest, KeysOutsideTheBoundsAreRefused) {
  for (std::size_t bits : {std::size_t{512}, kRsaBitsMin - 1, kRsaBitsMax + 1, std::size_t{16384}}) {
    EXPECT_EQ(check_rsa(rsa_key(modulus_of(bits), kExponent)), Errc::kBadKeySize) << bits;
  }
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), base::Bytes{1, 0, 0, 0, 1})), Errc::kBadKeySize);
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), modulus_of(2048))), Errc::kBadKeySize);
}

TEST(RsaPkixTest, NumbersThatMakeNoKeyAreRefused) {
  base::Bytes even = modulus_of(2048);
  even.back() = 0;
  EXPECT_EQ(check_rsa(rsa_key(even, kExponent)), Errc::kBadKey);
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), base::Bytes{1})), Errc::kBadKey);
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), base::Bytes{2})), Errc::kBadKey);
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), base::Bytes{0})), Errc::kBadKey);
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), base::Bytes{0x81})), Errc::kBadKey) << "negative";
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), base::Bytes{0, 3})), Errc::kBadKey) << "not minimal";
  EXPECT_EQ(check_rsa(rsa_key(modulus_of(2048), {})), Errc::kBadKey);
  EXPECT_EQ(check_rsa(rsa_key({}, kExponent)), Errc::kBadKey);
}

TEST(RsaPkixTest, BytesThatAreLeftOverAreRefused) {
  const base::Bytes good = rsa_key(modulus_of(2048), kExponent);
  EXPECT_EQ(check_rsa(joined(good, base::Bytes{0})), Errc::kBadKey);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(check_rsa(base::ConstBytes(good).first(size)), Errc::kBadKey) << size;
  }
}

TEST(RsaPkixTest, ALengthInMoreBytesThanItNeedsIsRefused) {
  base::Bytes key = rsa_key(modulus_of(2048), kExponent);
  ASSERT_EQ(key[1], 0x82);
  key[1] = 0x83;
  key.insert(key.begin() + 2, 0);
  EXPECT_EQ(check_rsa(key), Errc::kBadKey);
  key = rsa_key(modulus_of(2048), kExponent);
  ASSERT_EQ(key[key.size() - 4], 3);
  key[key.size() - 4] = 0x81;  // the exponent's length
  key.insert(key.end() - 3, 3);
  EXPECT_EQ(check_rsa(key), Errc::kBadKey);
  key = rsa_key(modulus_of(2048), kExponent);
  key[1] = 0x80;  // an indefinite length
  EXPECT_EQ(check_rsa(key), Errc::kBadKey);
}

// One encoding a key: whatever byte of a key is changed, what is still taken is what OpenSSL would write.
TEST(RsaPkixTest, WhateverIsTakenIsTheOneEncoding) {
  const base::Bytes good = vector_data(testing::kRsaPublic, 5);
  ASSERT_FALSE(check_rsa(good));
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (unsigned change : {0x01u, 0x02u, 0x04u, 0x20u, 0x40u, 0x80u, 0xffu}) {
      base::Bytes changed = good;
      changed[at] ^= static_cast<std::uint8_t>(change);
      if (!check_rsa_pkix(changed)) continue;
      ASSERT_EQ(reencoded(changed), changed) << at << " " << change;
    }
  }
}

class EcdsaPkixTest : public ::testing::TestWithParam<const char*> {
 protected:
  EcdsaPkixTest() : key_(EVP_EC_gen(GetParam()), EVP_PKEY_free) {}

  base::Bytes encoded(const char* form) const {
    EVP_PKEY_set_utf8_string_param(key_.get(), OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, form);
    base::Bytes der(static_cast<std::size_t>(i2d_PUBKEY(key_.get(), nullptr)));
    std::uint8_t* at = der.data();
    i2d_PUBKEY(key_.get(), &at);
    return der;
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

TEST_P(EcdsaPkixTest, AKeyOnTheCurveIsTaken) { EXPECT_TRUE(check_ecdsa_pkix(encoded("uncompressed"))); }

TEST_P(EcdsaPkixTest, OtherFormsOfThePointAreRefused) {
  EXPECT_EQ(check_ecdsa_pkix(encoded("compressed")).error(), Errc::kBadKey);
  EXPECT_EQ(check_ecdsa_pkix(encoded("hybrid")).error(), Errc::kBadKey);
}

TEST_P(EcdsaPkixTest, AnotherLengthIsRefused) {
  const base::Bytes good = encoded("uncompressed");
  EXPECT_EQ(check_ecdsa_pkix(joined(good, base::Bytes{0})).error(), Errc::kBadKey);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_EQ(check_ecdsa_pkix(base::ConstBytes(good).first(size)).error(), Errc::kBadKey) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Curves, EcdsaPkixTest, ::testing::Values("P-256", "P-384", "P-521"));

TEST(PkixTest, KeysOnOtherCurvesAreRefused) {
  for (const char* name : {"P-224", "secp256k1", "brainpoolP256r1", "sect571r1"}) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen(name), EVP_PKEY_free);
    ASSERT_TRUE(key) << name;
    base::Bytes der(static_cast<std::size_t>(i2d_PUBKEY(key.get(), nullptr)));
    std::uint8_t* at = der.data();
    i2d_PUBKEY(key.get(), &at);
    EXPECT_EQ(check_ecdsa_pkix(der).error(), Errc::kBadKey) << name;
  }
}

TEST(Secp256k1Test, OnlyCompressedPointsAreTaken) {
  base::Bytes point = vector_data(testing::kSecp256k1Public, 4);
  EXPECT_TRUE(check_secp256k1(point));
  EXPECT_EQ(base::ConstBytes(secp256k1_to_pkix(point)).last(33).size(), 33u);
  for (std::uint8_t first : {0, 1, 4, 6, 0xff}) {
    point[0] = first;
    EXPECT_EQ(check_secp256k1(point).error(), Errc::kBadKey);
  }
  EXPECT_EQ(check_secp256k1(base::Bytes(65, 4)).error(), Errc::kBadKey);
  EXPECT_EQ(check_secp256k1({}).error(), Errc::kBadKey);
}

}  // namespace
}  // namespace multiformats
