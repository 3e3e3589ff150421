#include "libp2p/protocols/kad/key.h"

#include "multiformats/multihash.h"

#include <sodium/crypto_hash_sha256.h>

#include <bit>

namespace libp2p::kad {

Key key_of(base::ConstBytes bytes) {
  Key key;
  // Not OpenSSL's: that looks the digest up each time, which costs as much again.
  static_assert(kKeyBytes == crypto_hash_sha256_BYTES);
  crypto_hash_sha256(key.bytes.data(), bytes.data(), bytes.size());
  return key;
}

Key distance(const Key& a, const Key& b) {
  Key result;
  for (std::size_t i = 0; i < kKeyBytes; ++i) result.bytes[i] = a.bytes[i] ^ b.bytes[i];
  return result;
}

bool is_closer(const Key& target, const Key& a, const Key& b) {
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    if (a.bytes[i] != b.bytes[i]) return (a.bytes[i] ^ target.bytes[i]) < (b.bytes[i] ^ target.bytes[i]);
  }
  return false;
}

std::size_t common_prefix_bits(const Key& a, const Key& b) {
  for (std::size_t i = 0; i < kKeyBytes; ++i) {
    const std::uint8_t difference = a.bytes[i] ^ b.bytes[i];
    if (difference != 0) return 8 * i + static_cast<std::size_t>(std::countl_zero(difference));
  }
  return kKeyBits;
}

base::Bytes provider_key(base::ConstBytes bytes) {
  return multiformats::encode_multihash(multiformats::make_multihash(multiformats::HashCode::kSha256, bytes));
}

}  // namespace libp2p::kad
