#include "libp2p/security/pnet/xsalsa20.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <random>

namespace libp2p::pnet {
namespace {

template <std::size_t size>
std::array<std::uint8_t, size> counting(std::uint8_t from) {
  std::array<std::uint8_t, size> bytes;
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(from + i);
  return bytes;
}

base::Bytes random_text(std::size_t size) {
  std::mt19937 random(7);
  base::Bytes bytes(size);
  for (auto& each : bytes) each = static_cast<std::uint8_t>(random());
  return bytes;
}

/// The whole text at once, as libsodium does it.
base::Bytes at_once(const base::Bytes& text, const std::array<std::uint8_t, kKeyBytes>& key, const Nonce& nonce) {
  base::Bytes out(text.size());
  crypto_stream_xsalsa20_xor(out.data(), text.data(), text.size(), nonce.data(), key.data());
  return out;
}

TEST(XSalsa20Test, PiecesOfAnySizesComeToTheSameAsTheWhole) {
  const auto key = counting<kKeyBytes>(1);
  const auto nonce = counting<kNonceBytes>(100);
  const base::Bytes text = random_text(300'000);
  const base::Bytes expected = at_once(text, key, nonce);
  for (unsigned seed = 0; seed < 20; ++seed) {
    std::mt19937 random(seed);
    XSalsa20 cipher(PreSharedKey(key), nonce);
    base::Bytes out(text.size());
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t max = random() % 2 ? 130 : 30'000;
      const std::size_t size = std::min(random() % max, text.size() - at);
      cipher.apply(base::ConstBytes(text).subspan(at, size), out.data() + at);
      at += size;
    }
    ASSERT_EQ(out, expected) << "seed " << seed;
  }
}

TEST(XSalsa20Test, WorksInPlace) {
  const auto key = counting<kKeyBytes>(2);
  const auto nonce = counting<kNonceBytes>(50);
  base::Bytes text = random_text(10'001);
  const base::Bytes expected = at_once(text, key, nonce);
  XSalsa20 cipher(PreSharedKey(key), nonce);
  cipher.apply(base::ConstBytes(text).first(77), text.data());
  cipher.apply(base::ConstBytes(text).subspan(77), text.data() + 77);
  EXPECT_EQ(text, expected);
}

TEST(XSalsa20Test, NothingChangesNothing) {
  const auto nonce = counting<kNonceBytes>(0);
  const base::Bytes text = random_text(10);
  XSalsa20 cipher(PreSharedKey({}), nonce);
  base::Bytes out(10);
  cipher.apply({}, nullptr);
  cipher.apply(text, out.data());
  EXPECT_EQ(out, at_once(text, {}, nonce));
}

// The first bytes of the key stream in NaCl's tests (tests/stream3.c).
TEST(XSalsa20Test, FitsNaClsVector) {
  const std::array<std::uint8_t, kKeyBytes> key{0x1b, 0x27, 0x55, 0x64, 0x73, 0xe9, 0x85, 0xd4, 0x62, 0xcd, 0x51,
                                                0x19, 0x7a, 0x9a, 0x46, 0xc7, 0x60, 0x09, 0x54, 0x9e, 0xac, 0x64,
                                                0x74, 0xf2, 0x06, 0xc4, 0xee, 0x08, 0x44, 0xf6, 0x83, 0x89};
  const Nonce nonce{0x69, 0x69, 0x6e, 0xe9, 0x55, 0xb6, 0x2b, 0x73, 0xcd, 0x62, 0xbd, 0xa8,
                    0x75, 0xfc, 0x73, 0xd6, 0x82, 0x19, 0xe0, 0x03, 0x6b, 0x7a, 0x0b, 0x37};
  const std::array<std::uint8_t, 32> expected{0xee, 0xa6, 0xa7, 0x25, 0x1c, 0x1e, 0x72, 0x91, 0x6d, 0x11, 0xc2,
                                              0xcb, 0x21, 0x4d, 0x3c, 0x25, 0x25, 0x39, 0x12, 0x1d, 0x8e, 0x23,
                                              0x4e, 0x65, 0x2d, 0x65, 0x1f, 0xa4, 0xc8, 0xcf, 0xf8, 0x80};
  XSalsa20 cipher(PreSharedKey(key), nonce);
  std::array<std::uint8_t, 32> stream{};
  cipher.apply(stream, stream.data());
  EXPECT_EQ(stream, expected);
}

}  // namespace
}  // namespace libp2p::pnet
