#include "libp2p/security/tls/aead.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace libp2p::tls {
namespace {

using Make = std::unique_ptr<Aead> (*)(Suite suite, Aead::Use use, base::ConstBytes key);

struct Sealed {
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, kTagBytes> tag{};
};

class AeadTest : public testing::TestWithParam<Suite> {
 protected:
  AeadTest() : key_(random_bytes(key_bytes(GetParam()))), header_(random_bytes(5)) {
    for (auto& byte : nonce_) byte = static_cast<std::uint8_t>(random_());
  }

  std::vector<std::uint8_t> random_bytes(std::size_t size) {
    std::vector<std::uint8_t> bytes(size);
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random_());
    return bytes;
  }

  /// In pieces of random sizes, odd ones and empty ones among them.
  void update_in_pieces(Aead& aead, base::ConstBytes in, std::uint8_t* out) {
    for (std::size_t at = 0; at < in.size();) {
      const std::size_t size = std::min<std::size_t>(random_() % 700, in.size() - at);
      aead.update(in.subspan(at, size), out + at);
      at += size;
    }
  }

  Sealed seal(Make make, base::ConstBytes plain) {
    auto aead = make(GetParam(), Aead::Use::kSeal, key_);
    Sealed sealed;
    sealed.bytes.resize(plain.size());
    aead->begin(nonce_, header_);
    update_in_pieces(*aead, plain, sealed.bytes.data());
    aead->write_tag(sealed.tag.data());
    return sealed;
  }

  /// In place.
  bool open(Make make, Sealed& sealed) {
    auto aead = make(GetParam(), Aead::Use::kOpen, key_);
    aead->begin(nonce_, header_);
    update_in_pieces(*aead, sealed.bytes, sealed.bytes.data());
    return aead->check_tag(sealed.tag.data());
  }

  std::mt19937 random_{7};
  std::vector<std::uint8_t> key_, header_;
  Nonce nonce_{};
};

INSTANTIATE_TEST_SUITE_P(Suites, AeadTest,
                         testing::Values(Suite::kAes128GcmSha256, Suite::kAes256GcmSha384,
                                         Suite::kChaCha20Poly1305Sha256));

TEST_P(AeadTest, FastestAndOpensslAgree) {
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 255u, 1024u, 16'383u, 16'384u}) {
    SCOPED_TRACE(size);
    const auto plain = random_bytes(size);
    Sealed fast = seal(&Aead::create, plain);
    Sealed slow = seal(&make_openssl_aead, plain);
    EXPECT_EQ(fast.bytes, slow.bytes);
    EXPECT_EQ(fast.tag, slow.tag);
    EXPECT_TRUE(open(&Aead::create, slow));
    EXPECT_TRUE(open(&make_openssl_aead, fast));
    EXPECT_EQ(slow.bytes, plain);
    EXPECT_EQ(fast.bytes, plain);
  }
}

TEST_P(AeadTest, DamageIsFound) {
  for (const Make make : {Make(&Aead::create), Make(&make_openssl_aead)}) {
    const Sealed good = seal(make, random_bytes(1000));
    for (const std::size_t at : {0u, 500u, 999u}) {
      Sealed damaged = good;
      damaged.bytes[at] ^= 1;
      EXPECT_FALSE(open(make, damaged));
    }
    Sealed wrong_tag = good;
    wrong_tag.tag.back() ^= 0x80;
    EXPECT_FALSE(open(make, wrong_tag));
    header_[0] ^= 1;
    Sealed wrong_header = good;
    EXPECT_FALSE(open(make, wrong_header));
  }
}

TEST_P(AeadTest, OneKeySealsManyRecords) {
  auto sealer = Aead::create(GetParam(), Aead::Use::kSeal, key_);
  auto opener = make_openssl_aead(GetParam(), Aead::Use::kOpen, key_);
  for (int record = 0; record < 100; ++record) {
    nonce_[11] = static_cast<std::uint8_t>(record);
    const auto plain = random_bytes(random_() % 3000);
    std::vector<std::uint8_t> bytes(plain.size());
    std::array<std::uint8_t, kTagBytes> tag{};
    sealer->begin(nonce_, header_);
    sealer->update(plain, bytes.data());
    sealer->write_tag(tag.data());
    opener->begin(nonce_, header_);
    opener->update(bytes, bytes.data());
    EXPECT_TRUE(opener->check_tag(tag.data()));
    EXPECT_EQ(bytes, plain);
  }
}

TEST(IpsecMbAead, IsNotForChaCha20) {
  const std::vector<std::uint8_t> key(32);
  EXPECT_EQ(make_ipsec_mb_aead(Suite::kChaCha20Poly1305Sha256, Aead::Use::kSeal, key), nullptr);
}

}  // namespace
}  // namespace libp2p::tls
