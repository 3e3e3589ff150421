#include "libp2p/security/noise/noise_crypto.h"

#include <sodium.h>

#include <cstdio>
#include <cstdlib>

namespace libp2p::noise {

namespace {

SecretBlock hmac_sha256(const SecretBlock& key, base::ConstBytes data) {
  SecretBlock out;
  static_assert(crypto_auth_hmacsha256_KEYBYTES == kBlockBytes && crypto_auth_hmacsha256_BYTES == kBlockBytes);
  crypto_auth_hmacsha256(out.bytes().data(), data.data(), data.size(), key.bytes().data());
  return out;
}

}  // namespace

void crypto_failure(const char* what) {
  std::fprintf(stderr, "fatal: %s failed in OpenSSL\n", what);
  std::abort();
}

SecretBlock::~SecretBlock() { sodium_memzero(bytes_.data(), bytes_.size()); }

KeyPair KeyPair::generate() {
  SecretBlock secret;
  base::random_bytes(secret.bytes());
  return from_private(secret.bytes());
}

KeyPair KeyPair::from_private(const Block& private_key) {
  KeyPair pair;
  pair.private_key = SecretBlock(private_key);
  crypto_scalarmult_base(pair.public_key.data(), private_key.data());
  return pair;
}

std::optional<SecretBlock> diffie_hellman(const KeyPair& ours, const Block& theirs) {
  SecretBlock shared;
  if (crypto_scalarmult(shared.bytes().data(), ours.private_key.bytes().data(), theirs.data()) != 0) {
    return std::nullopt;
  }
  return shared;
}

Block sha256(base::ConstBytes first, base::ConstBytes second) {
  Block out;
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  crypto_hash_sha256_update(&state, first.data(), first.size());
  crypto_hash_sha256_update(&state, second.data(), second.size());
  crypto_hash_sha256_final(&state, out.data());
  return out;
}

std::pair<SecretBlock, SecretBlock> hkdf(const SecretBlock& chaining_key, base::ConstBytes input) {
  const SecretBlock temporary = hmac_sha256(chaining_key, input);
  constexpr std::uint8_t kOne = 1;
  const SecretBlock first = hmac_sha256(temporary, base::ConstBytes(&kOne, 1));
  std::array<std::uint8_t, kBlockBytes + 1> second_input;
  std::copy(first.bytes().begin(), first.bytes().end(), second_input.begin());
  second_input.back() = 2;
  const SecretBlock second = hmac_sha256(temporary, second_input);
  sodium_memzero(second_input.data(), second_input.size());
  return {first, second};
}

}  // namespace libp2p::noise
