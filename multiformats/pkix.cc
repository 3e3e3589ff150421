#include "multiformats/pkix.h"

#include "multiformats/errors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <optional>

namespace multiformats {

namespace {

enum Tag : std::uint8_t { kInteger = 0x02, kBitString = 0x03, kSequence = 0x30 };

// AlgorithmIdentifier of RSA: rsaEncryption (1.2.840.113549.1.1.1), NULL.
constexpr std::array<std::uint8_t, 15> kRsaAlgorithm{0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                     0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00};

// All of a PKIX key on a named curve but its point, which has a fixed length: SEQUENCE { SEQUENCE { ecPublicKey
// (1.2.840.10045.2.1), curve }, BIT STRING }, and the point's first byte (4: not compressed).
constexpr std::array<std::uint8_t, 27> kP256Header{0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
constexpr std::array<std::uint8_t, 24> kP384Header{0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                   0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                                   0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00, 0x04};
constexpr std::array<std::uint8_t, 26> kP521Header{0x30, 0x81, 0x9b, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                   0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81,
                                                   0x04, 0x00, 0x23, 0x03, 0x81, 0x86, 0x00, 0x04};
// The same for secp256k1; the compressed point follows whole.
constexpr std::array<std::uint8_t, 23> kSecp256k1Header{0x30, 0x36, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86,
                                                        0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
                                                        0x81, 0x04, 0x00, 0x0a, 0x03, 0x22, 0x00};

struct Curve {
  base::ConstBytes header;
  std::size_t coordinate_bytes;
};
constexpr std::array<Curve, 3> kCurves{{{kP256Header, 32}, {kP384Header, 48}, {kP521Header, 66}}};

bool starts_with(base::ConstBytes bytes, base::ConstBytes prefix) {
  return bytes.size() >= prefix.size() && std::ranges::equal(bytes.first(prefix.size()), prefix);
}

// Takes an element off the front of `from` and returns its content; nothing if another one is there, or one whose
// length is not encoded minimally. Lengths of up to two bytes: kPublicKeyBytesMax needs no more.
std::optional<base::ConstBytes> take(base::ConstBytes& from, Tag tag) {
  if (from.size() < 2 || from[0] != tag) return std::nullopt;
  std::size_t header = 2;
  std::size_t length = from[1];
  if (length >= 0x80) {
    const std::size_t length_bytes = length & 0x7f;
    if (length_bytes < 1 || length_bytes > 2 || from.size() < 2 + length_bytes) return std::nullopt;
    length = length_bytes == 1 ? from[2] : base::load_be16(&from[2]);
    if (length < (length_bytes == 1 ? 0x80u : 0x100u)) return std::nullopt;
    header += length_bytes;
  }
  if (from.size() - header < length) return std::nullopt;
  const base::ConstBytes content = from.subspan(header, length);
  from = from.subspan(header + length);
  return content;
}

// A positive INTEGER's bytes without the zero that only keeps its sign; nothing if it is not encoded minimally.
std::optional<base::ConstBytes> take_positive(base::ConstBytes& from) {
  const auto content = take(from, kInteger);
  if (!content || content->empty()) return std::nullopt;
  if ((*content)[0] & 0x80) return std::nullopt;  // negative
  if ((*content)[0] != 0) return *content;
  if (content->size() < 2 || !((*content)[1] & 0x80)) return std::nullopt;  // zero, or not minimal
  return content->subspan(1);
}

std::size_t bit_count(base::ConstBytes number) {
  return (number.size() - 1) * 8 + static_cast<std::size_t>(std::bit_width(number[0]));
}

bool is_odd(base::ConstBytes number) { return number.back() & 1; }

}  // namespace

base::Result<> check_rsa_pkix(base::ConstBytes der) {
  auto key = take(der, kSequence);
  if (!key || !der.empty() || !starts_with(*key, kRsaAlgorithm)) return Errc::kBadKey;
  base::ConstBytes after_algorithm = key->subspan(kRsaAlgorithm.size());
  auto bits = take(after_algorithm, kBitString);
  if (!bits || !after_algorithm.empty() || bits->empty() || bits->front() != 0) return Errc::kBadKey;
  base::ConstBytes rest = bits->subspan(1);
  auto numbers = take(rest, kSequence);
  if (!numbers || !rest.empty()) return Errc::kBadKey;
  const auto modulus = take_positive(*numbers);
  const auto exponent = take_positive(*numbers);
  if (!modulus || !exponent || !numbers->empty()) return Errc::kBadKey;
  const std::size_t modulus_bits = bit_count(*modulus);
  if (modulus_bits < kRsaBitsMin || modulus_bits > kRsaBitsMax) return Errc::kBadKeySize;
  if (exponent->size() > kRsaExponentBytesMax) return Errc::kBadKeySize;
  if (!is_odd(*modulus) || !is_odd(*exponent) || bit_count(*exponent) < 2) return Errc::kBadKey;
  return {};
}

base::Result<> check_ecdsa_pkix(base::ConstBytes der) {
  const auto is_on = [der](const Curve& curve) {
    return starts_with(der, curve.header) && der.size() == curve.header.size() + 2 * curve.coordinate_bytes;
  };
  if (!std::ranges::any_of(kCurves, is_on)) return Errc::kBadKey;
  return {};
}

base::Result<> check_secp256k1(base::ConstBytes point) {
  if (point.size() != kSecp256k1PublicBytes || (point[0] != 2 && point[0] != 3)) return Errc::kBadKey;
  return {};
}

base::Bytes secp256k1_to_pkix(base::ConstBytes point) {
  assert(check_secp256k1(point));
  base::Bytes der(kSecp256k1Header.begin(), kSecp256k1Header.end());
  base::append(der, point);
  return der;
}

}  // namespace multiformats
