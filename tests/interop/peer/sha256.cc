#include "tests/interop/peer/sha256.h"

#include <openssl/evp.h>

namespace interop {

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }

void Sha256::update(base::ConstBytes bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }

base::Bytes Sha256::finish() {
  base::Bytes digest(kSha256Bytes);
  EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  return digest;
}

void Sha256::Deleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

}  // namespace interop
