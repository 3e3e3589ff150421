#include "kv/sha256.h"

#include <openssl/evp.h>

#include <cassert>
#include <cstdlib>

namespace kvp2p {

namespace {

// Fetched once: fetching costs more than hashing a block's tokens.
const EVP_MD* sha256() {
  static EVP_MD* const digest = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return digest;
}

void require(int ok) {
  if (ok != 1) std::abort();  // out of memory, or an OpenSSL without SHA-256
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) { require(context_ != nullptr); }

Sha256::~Sha256() = default;

void Sha256::start(std::string_view domain) {
  assert(domain.empty() || domain.ends_with('\n'));
  require(EVP_DigestInit_ex2(context_.get(), sha256(), nullptr));
  if (!domain.empty()) add(base::as_bytes(domain));
}

void Sha256::add(base::ConstBytes bytes) { require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }

void Sha256::add_le32(std::uint32_t value) {
  std::array<std::uint8_t, 4> bytes;
  base::store_le32(bytes.data(), value);
  add(bytes);
}

void Sha256::add_le64(std::uint64_t value) {
  std::array<std::uint8_t, 8> bytes;
  base::store_le64(bytes.data(), value);
  add(bytes);
}

void Sha256::add_text(std::string_view text) {
  add_le32(static_cast<std::uint32_t>(text.size()));
  add(base::as_bytes(text));
}

Sha256Digest Sha256::finish() {
  Sha256Digest digest;
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
  return digest;
}

}  // namespace kvp2p
