#include "libp2p/security/noise/cipher_state.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_crypto.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <limits>

namespace libp2p::noise {

namespace {

constexpr std::size_t kNonceBytes = 12;
/// ChaCha20 and Poly1305 are two passes: the second finds this much in the first-level cache
/// (bench/noise_stream_bench).
constexpr std::size_t kPieceBytes = 4 * 1024;

const EVP_CIPHER* chacha20_poly1305() {
  // Fetched once for the process: fetching costs more than sealing a small message.
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  if (!cipher) crypto_failure("fetching ChaCha20-Poly1305");
  return cipher;
}

void update(EVP_CIPHER_CTX* context, base::ConstBytes in, std::uint8_t* out) {
  while (!in.empty()) {
    const std::size_t size = std::min(in.size(), kPieceBytes);
    int written = 0;
    if (EVP_CipherUpdate(context, out, &written, in.data(), static_cast<int>(size)) != 1 ||
        written != static_cast<int>(size)) {
      crypto_failure("ChaCha20-Poly1305");
    }
    in = in.subspan(size);
    out += size;
  }
}

}  // namespace

void CipherState::ContextDeleter::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

CipherState::CipherState(Use use, const SecretBlock& key) : context_(EVP_CIPHER_CTX_new()) {
  if (!context_ || EVP_CipherInit_ex2(context_.get(), chacha20_poly1305(), key.bytes().data(), nullptr,
                                      use == Use::kSeal ? 1 : 0, nullptr) != 1) {
    crypto_failure("ChaCha20-Poly1305 set-up");
  }
}

base::Result<> CipherState::begin_message(base::ConstBytes associated) {
  if (nonce_ == std::numeric_limits<std::uint64_t>::max()) return Error::kConnectionClosed;
  std::array<std::uint8_t, kNonceBytes> nonce{};  // 32 zero bits, then the counter, little-endian
  base::store_le64(nonce.data() + 4, nonce_++);
  int written = 0;
  if (EVP_CipherInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), -1, nullptr) != 1 ||
      (!associated.empty() && EVP_CipherUpdate(context_.get(), nullptr, &written, associated.data(),
                                               static_cast<int>(associated.size())) != 1)) {
    crypto_failure("ChaCha20-Poly1305 nonce");
  }
  return {};
}

base::Result<> CipherState::seal(base::ConstBytes associated, base::ConstBytes plaintext, std::uint8_t* out) {
  auto begun = begin_message(associated);
  if (!begun) return begun;
  update(context_.get(), plaintext, out);
  std::uint8_t* const tag = out + plaintext.size();
  int written = 0;
  if (EVP_CipherFinal_ex(context_.get(), tag, &written) != 1 ||
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) != 1) {
    crypto_failure("ChaCha20-Poly1305 tag");
  }
  return {};
}

base::Result<> CipherState::open(base::ConstBytes associated, base::ConstBytes ciphertext, std::uint8_t* out) {
  if (ciphertext.size() < kTagBytes) return Error::kHandshakeFailed;
  auto begun = begin_message(associated);
  if (!begun) return begun;
  const std::size_t size = ciphertext.size() - kTagBytes;
  std::array<std::uint8_t, kTagBytes> tag;
  std::copy_n(ciphertext.begin() + static_cast<std::ptrdiff_t>(size), kTagBytes, tag.begin());
  if (EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1) {
    crypto_failure("ChaCha20-Poly1305 tag");
  }
  update(context_.get(), ciphertext.first(size), out);
  std::uint8_t nothing = 0;
  int written = 0;
  if (EVP_CipherFinal_ex(context_.get(), &nothing, &written) != 1) return Error::kHandshakeFailed;
  return {};
}

}  // namespace libp2p::noise
