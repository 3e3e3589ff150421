#include "libp2p/security/noise/noise_crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace libp2p::noise {

namespace {

struct PkeyDeleter {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct PkeyContextDeleter {
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
struct DigestContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Pkey = std::unique_ptr<EVP_PKEY, PkeyDeleter>;

Pkey make_private(const Block& bytes) {
  Pkey key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes.data(), bytes.size()));
  if (!key) crypto_failure("X25519 private key");
  return key;
}

SecretBlock hmac_sha256(const SecretBlock& key, base::ConstBytes data) {
  SecretBlock out;
  unsigned int size = 0;
  if (!HMAC(EVP_sha256(), key.bytes().data(), kBlockBytes, data.data(), data.size(), out.bytes().data(), &size) ||
      size != kBlockBytes) {
    crypto_failure("HMAC-SHA256");
  }
  return out;
}

}  // namespace

void crypto_failure(const char* what) {
  std::fprintf(stderr, "fatal: %s failed in OpenSSL\n", what);
  std::abort();
}

SecretBlock::~SecretBlock() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

KeyPair KeyPair::generate() {
  SecretBlock secret;
  base::random_bytes(secret.bytes());
  return from_private(secret.bytes());
}

KeyPair KeyPair::from_private(const Block& private_key) {
  KeyPair pair;
  pair.private_key = SecretBlock(private_key);
  std::size_t size = pair.public_key.size();
  if (EVP_PKEY_get_raw_public_key(make_private(private_key).get(), pair.public_key.data(), &size) != 1 ||
      size != kBlockBytes) {
    crypto_failure("X25519 public key");
  }
  return pair;
}

std::optional<SecretBlock> diffie_hellman(const KeyPair& ours, const Block& theirs) {
  const Pkey private_key = make_private(ours.private_key.bytes());
  const Pkey public_key(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, theirs.data(), theirs.size()));
  if (!public_key) crypto_failure("X25519 public key");
  const std::unique_ptr<EVP_PKEY_CTX, PkeyContextDeleter> context(EVP_PKEY_CTX_new(private_key.get(), nullptr));
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), public_key.get()) != 1) {
    crypto_failure("X25519 set-up");
  }
  SecretBlock shared;
  std::size_t size = kBlockBytes;
  if (EVP_PKEY_derive(context.get(), shared.bytes().data(), &size) != 1 || size != kBlockBytes) return std::nullopt;
  return shared;
}

Block sha256(base::ConstBytes first, base::ConstBytes second) {
  const std::unique_ptr<EVP_MD_CTX, DigestContextDeleter> context(EVP_MD_CTX_new());
  Block out;
  if (!context || EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), first.data(), first.size()) != 1 ||
      EVP_DigestUpdate(context.get(), second.data(), second.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out.data(), nullptr) != 1) {
    crypto_failure("SHA-256");
  }
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
  OPENSSL_cleanse(second_input.data(), second_input.size());
  return {first, second};
}

}  // namespace libp2p::noise
