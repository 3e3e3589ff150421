#include "libp2p/security/tls/aead.h"

#include <openssl/evp.h>

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

struct ContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

class OpensslAead final : public Aead {
 public:
  OpensslAead(Suite suite, Use use, base::ConstBytes key) : context_(EVP_CIPHER_CTX_new()) {
    if (!context_ || EVP_CipherInit_ex2(context_.get(), cipher_of(suite), key.data(), nullptr,
                                        use == Use::kSeal ? 1 : 0, nullptr) != 1) {
      crypto_failure("a record cipher's set-up");
    }
  }

  void begin(const Nonce& nonce, base::ConstBytes header) override {
    int written = 0;
    if (EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), -1, nullptr) != 1 ||
        EVP_CipherUpdate(context_.get(), nullptr, &written, header.data(), static_cast<int>(header.size())) != 1) {
      crypto_failure("a record's nonce");
    }
  }

  void update(base::ConstBytes in, std::uint8_t* out) override {
    if (in.empty()) return;
    int written = 0;
    if (EVP_CipherUpdate(context_.get(), out, &written, in.data(), static_cast<int>(in.size())) != 1) {
      crypto_failure("a record's cipher");
    }
  }

  void write_tag(std::uint8_t* tag) override {
    int written = 0;
    if (EVP_CipherFinal_ex(context_.get(), tag, &written) != 1 ||
        EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) != 1) {
      crypto_failure("a record's tag");
    }
  }

  bool check_tag(const std::uint8_t* tag) override {
    auto* const wanted = const_cast<std::uint8_t*>(tag);  // read only
    if (EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, wanted) != 1) {
      crypto_failure("a record's tag");
    }
    std::uint8_t nothing = 0;
    int written = 0;
    return EVP_CipherFinal_ex(context_.get(), &nothing, &written) == 1;
  }

 private:
  std::unique_ptr<EVP_CIPHER_CTX, ContextDeleter> context_;
};

}  // namespace

std::unique_ptr<Aead> make_openssl_aead(Suite suite, Aead::Use use, base::ConstBytes key) {
  return std::make_unique<OpensslAead>(suite, use, key);
}

}  // namespace libp2p::tls
