#include "multiformats/pkix_signature.h"

#include "multiformats/errors.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace multiformats {

namespace {

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using EvpKey = std::unique_ptr<EVP_PKEY, FreeKey>;
using EvpDigest = std::unique_ptr<EVP_MD_CTX, FreeDigest>;

/// What a refused key or signature leaves in this thread's list of OpenSSL's errors is taken out again.
class OpensslErrorScope {
 public:
  OpensslErrorScope() { ERR_set_mark(); }
  OpensslErrorScope(const OpensslErrorScope&) = delete;
  OpensslErrorScope& operator=(const OpensslErrorScope&) = delete;
  ~OpensslErrorScope() { ERR_pop_to_mark(); }
};

}  // namespace

base::Result<> verify_pkix(base::ConstBytes der, base::ConstBytes message, base::ConstBytes signature) {
  const OpensslErrorScope errors;
  const std::uint8_t* at = der.data();
  const EvpKey key(d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  if (!key) return Errc::kBadKey;
  const EvpDigest context(EVP_MD_CTX_new());
  if (!context || EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) != 1) {
    return Errc::kBadSignature;
  }
  return {};
}

}  // namespace multiformats
