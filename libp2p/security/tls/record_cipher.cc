#include "libp2p/security/tls/record_cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cassert>

namespace libp2p::tls {

namespace {

const EVP_CIPHER* fetch(Suite suite) {
  const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, cipher_name(suite), nullptr);
  if (!cipher) crypto_failure("fetching a cipher");
  return cipher;
}

/// Fetched once for the process: fetching costs more than sealing a small record.
const EVP_CIPHER* cipher_of(Suite suite) {
  static const EVP_CIPHER* const aes128 = fetch(Suite::kAes128GcmSha256);
  static const EVP_CIPHER* const aes256 = fetch(Suite::kAes256GcmSha384);
  static const EVP_CIPHER* const chacha20 = fetch(Suite::kChaCha20Poly1305Sha256);
  if (suite == Suite::kChaCha20Poly1305Sha256) return chacha20;
  return suite == Suite::kAes128GcmSha256 ? aes128 : aes256;
}

void update(EVP_CIPHER_CTX* context, base::ConstBytes in, std::uint8_t* out) {
  if (in.empty()) return;
  int written = 0;
  if (EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(in.size())) != 1) {
    crypto_failure("a record's cipher");
  }
}

}  // namespace

void RecordCipher::ContextDeleter::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

RecordCipher::RecordCipher(Use use, const TrafficSecret& secret)
    : use_(use), secret_(secret), context_(EVP_CIPHER_CTX_new()) {
  set_key();
}

void RecordCipher::set_key() {
  const SecretBytes key = secret_.key();
  const SecretBytes iv = secret_.iv();
  std::copy_n(iv.bytes().begin(), kIvBytes, iv_.begin());
  if (!context_ || EVP_CipherInit_ex2(context_.get(), cipher_of(secret_.suite()), key.bytes().data(), nullptr,
                                      use_ == Use::kSeal ? 1 : 0, nullptr) != 1) {
    crypto_failure("a record cipher's set-up");
  }
}

void RecordCipher::update_key() {
  secret_ = secret_.next();
  sequence_ = 0;
  set_key();
}

void RecordCipher::begin(const std::uint8_t* header) {
  // Section 5.3: the sequence number, big-endian, over the end of the IV.
  std::array<std::uint8_t, kIvBytes> nonce = iv_;
  for (std::size_t i = 0; i < 8; ++i) nonce[kIvBytes - 1 - i] ^= static_cast<std::uint8_t>(sequence_ >> (8 * i));
  ++sequence_;
  int written = 0;
  if (EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), -1, nullptr) != 1 ||
      EVP_CipherUpdate(context_.get(), nullptr, &written, header, kRecordHeaderBytes) != 1) {
    crypto_failure("a record's nonce");
  }
}

std::size_t RecordCipher::seal(ContentType type, std::span<const base::ConstBytes> pieces, std::uint8_t* out) {
  std::size_t size = 0;
  for (const base::ConstBytes piece : pieces) size += piece.size();
  assert(size <= kContentMaxBytes);
  out[0] = static_cast<std::uint8_t>(ContentType::kApplicationData);
  base::store_be16(out + 1, 0x0303);
  base::store_be16(out + 3, static_cast<std::uint16_t>(size + 1 + kTagBytes));
  begin(out);
  std::uint8_t* at = out + kRecordHeaderBytes;
  for (const base::ConstBytes piece : pieces) {
    update(context_.get(), piece, at);
    at += piece.size();
  }
  const auto type_byte = static_cast<std::uint8_t>(type);
  update(context_.get(), {&type_byte, 1}, at);
  ++at;
  int written = 0;
  if (EVP_CipherFinal_ex(context_.get(), at, &written) != 1 ||
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, at) != 1) {
    crypto_failure("a record's tag");
  }
  return size + kRecordOverheadBytes;
}

std::optional<std::uint8_t> RecordCipher::open(base::ConstBytes record, std::uint8_t* out) {
  assert(record.size() >= kRecordOverheadBytes);
  std::array<std::uint8_t, kTagBytes> tag;
  std::copy_n(record.end() - kTagBytes, kTagBytes, tag.begin());
  begin(record.data());
  if (EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1) {
    crypto_failure("a record's tag");
  }
  const base::ConstBytes ciphertext = record.subspan(kRecordHeaderBytes, record.size() - kRecordOverheadBytes);
  std::uint8_t last = record[record.size() - kTagBytes - 1];
  update(context_.get(), ciphertext, out);
  update(context_.get(), {&last, 1}, &last);
  std::uint8_t nothing = 0;
  int written = 0;
  if (EVP_CipherFinal_ex(context_.get(), &nothing, &written) != 1) return std::nullopt;
  return last;
}

}  // namespace libp2p::tls
