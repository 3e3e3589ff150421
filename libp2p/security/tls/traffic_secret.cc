#include "libp2p/security/tls/traffic_secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace libp2p::tls {

void crypto_failure(const char* what) {
  std::fprintf(stderr, "fatal: %s failed in OpenSSL\n", what);
  std::abort();
}

std::optional<Suite> suite_of(std::uint16_t number) {
  const auto suite = static_cast<Suite>(number);
  switch (suite) {
    case Suite::kAes128GcmSha256:
    case Suite::kAes256GcmSha384:
    case Suite::kChaCha20Poly1305Sha256:
      return suite;
  }
  return std::nullopt;
}

std::size_t digest_bytes(Suite suite) { return suite == Suite::kAes256GcmSha384 ? 48 : 32; }

std::size_t key_bytes(Suite suite) { return suite == Suite::kAes128GcmSha256 ? 16 : 32; }

const char* cipher_name(Suite suite) {
  if (suite == Suite::kChaCha20Poly1305Sha256) return "ChaCha20-Poly1305";
  return suite == Suite::kAes128GcmSha256 ? "AES-128-GCM" : "AES-256-GCM";
}

SecretBytes::SecretBytes(std::size_t size) : size_(size) { assert(size <= kBytesMax); }

SecretBytes::SecretBytes(base::ConstBytes bytes) : SecretBytes(bytes.size()) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretBytes::~SecretBytes() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

SecretBytes TrafficSecret::key() const { return expand("key", key_bytes(suite_)); }

SecretBytes TrafficSecret::iv() const { return expand("iv", kIvBytes); }

TrafficSecret TrafficSecret::next() const {
  return TrafficSecret(suite_, expand("traffic upd", digest_bytes(suite_)).bytes());
}

/// HKDF-Expand-Label with no context (section 7.1).
SecretBytes TrafficSecret::expand(const char* label, std::size_t size) const {
  const std::string full = std::string("tls13 ") + label;
  base::Bytes info(2);
  base::store_be16(info.data(), static_cast<std::uint16_t>(size));
  info.push_back(static_cast<std::uint8_t>(full.size()));
  base::append(info, base::as_bytes(full));
  info.push_back(0);

  char mode[] = "EXPAND_ONLY";
  char digest[] = "SHA256";
  char long_digest[] = "SHA384";
  SecretBytes secret = secret_;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0),
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, suite_ == Suite::kAes256GcmSha384 ? long_digest : digest,
                                       0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.bytes().data(), secret.bytes().size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end(),
  };
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  if (!kdf) crypto_failure("fetching HKDF");
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  SecretBytes out(size);
  if (!context || EVP_KDF_derive(context.get(), out.bytes().data(), size, parameters) != 1) crypto_failure("HKDF");
  return out;
}

}  // namespace libp2p::tls
