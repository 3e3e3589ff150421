#include "libp2p/security/noise/cipher_state.h"

#include "libp2p/core/error.h"
#include "libp2p/security/noise/noise_crypto.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <numeric>

namespace libp2p::noise {

namespace {

constexpr std::size_t kNonceBytes = 12;
/// ChaCha20 and Poly1305 are two passes: the second finds this much in the first-level cache
/// (bench/noise_stream_bench).
constexpr std::size_t kPieceBytes = 4 * 1024;
/// From here on a message is worth another thread: a few µs of work.
constexpr std::size_t kLargeBytes = 16 * 1024;

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

void begin_message(EVP_CIPHER_CTX* context, std::uint64_t number, base::ConstBytes associated) {
  std::array<std::uint8_t, kNonceBytes> nonce{};  // 32 zero bits, then the counter, little-endian
  base::store_le64(nonce.data() + 4, number);
  int written = 0;
  if (EVP_CipherInit_ex2(context, nullptr, nullptr, nonce.data(), -1, nullptr) != 1 ||
      (!associated.empty() &&
       EVP_CipherUpdate(context, nullptr, &written, associated.data(), static_cast<int>(associated.size())) != 1)) {
    crypto_failure("ChaCha20-Poly1305 nonce");
  }
}

/// REQUIRES: begin_message().
void seal_begun(EVP_CIPHER_CTX* context, std::span<const base::ConstBytes> pieces, std::uint8_t* out) {
  for (const base::ConstBytes piece : pieces) {
    update(context, piece, out);
    out += piece.size();
  }
  int written = 0;
  if (EVP_CipherFinal_ex(context, out, &written) != 1 ||
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, out) != 1) {
    crypto_failure("ChaCha20-Poly1305 tag");
  }
}

/// Whether the tag is right. REQUIRES: begin_message(); the ciphertext has a tag.
bool open_begun(EVP_CIPHER_CTX* context, base::ConstBytes ciphertext, std::uint8_t* out) {
  const std::size_t size = ciphertext.size() - kTagBytes;
  std::array<std::uint8_t, kTagBytes> tag;
  std::copy_n(ciphertext.begin() + static_cast<std::ptrdiff_t>(size), kTagBytes, tag.begin());
  if (EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) != 1) {
    crypto_failure("ChaCha20-Poly1305 tag");
  }
  update(context, ciphertext.first(size), out);
  std::uint8_t nothing = 0;
  int written = 0;
  return EVP_CipherFinal_ex(context, &nothing, &written) == 1;
}

}  // namespace

std::size_t CipherState::Message::size() const {
  return std::accumulate(in.begin(), in.end(), std::size_t{0},
                         [](std::size_t sum, base::ConstBytes piece) { return sum + piece.size(); });
}

void CipherState::ContextDeleter::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

CipherState::CipherState(Use use, const SecretBlock& key) : use_(use), key_(key), context_(make_context()) {}

CipherState::Context CipherState::make_context() const {
  Context context(EVP_CIPHER_CTX_new());
  if (!context || EVP_CipherInit_ex2(context.get(), chacha20_poly1305(), key_.bytes().data(), nullptr,
                                     use_ == Use::kSeal ? 1 : 0, nullptr) != 1) {
    crypto_failure("ChaCha20-Poly1305 set-up");
  }
  return context;
}

base::Result<std::uint64_t> CipherState::next_nonce() {
  std::uint64_t first = 0;
  if (take_nonces(1, first) == 0) return Error::kConnectionClosed;
  return first;
}

std::size_t CipherState::take_nonces(std::size_t wanted, std::uint64_t& first) {
  first = nonce_;
  const std::size_t taken = std::min<std::uint64_t>(wanted, std::numeric_limits<std::uint64_t>::max() - nonce_);
  nonce_ += taken;
  return taken;
}

base::Result<> CipherState::seal(base::ConstBytes associated, base::ConstBytes plaintext, std::uint8_t* out) {
  const auto nonce = next_nonce();
  if (!nonce) return nonce.error();
  begin_message(context_.get(), *nonce, associated);
  seal_begun(context_.get(), {&plaintext, 1}, out);
  return {};
}

base::Result<> CipherState::open(base::ConstBytes associated, base::ConstBytes ciphertext, std::uint8_t* out) {
  if (ciphertext.size() < kTagBytes) return Error::kHandshakeFailed;
  const auto nonce = next_nonce();
  if (!nonce) return nonce.error();
  begin_message(context_.get(), *nonce, associated);
  if (!open_begun(context_.get(), ciphertext, out)) return Error::kHandshakeFailed;
  return {};
}

template <class Work>
void CipherState::for_each(std::span<const Message> messages, Work work) {
  const auto large = std::count_if(messages.begin(), messages.end(),
                                   [](const Message& message) { return message.size() >= kLargeBytes; });
  if (large < 2 || pool_->participants() == 1) {
    for (std::size_t i = 0; i < messages.size(); ++i) work(context_.get(), i);
    return;
  }
  while (helpers_.size() + 1 < pool_->participants()) helpers_.push_back(make_context());
  pool_->run(messages.size(), [&](std::size_t i, unsigned participant) {
    work(participant == 0 ? context_.get() : helpers_[participant - 1].get(), i);
  });
}

base::Result<> CipherState::seal_all(std::span<const Message> messages) {
  std::uint64_t nonce = 0;
  if (take_nonces(messages.size(), nonce) < messages.size()) return Error::kConnectionClosed;
  for_each(messages, [&](EVP_CIPHER_CTX* context, std::size_t i) {
    begin_message(context, nonce + i, {});
    seal_begun(context, messages[i].in, messages[i].out);
  });
  return {};
}

CipherState::Opened CipherState::open_all(std::span<const Message> messages) {
  std::uint64_t nonce = 0;
  const std::size_t count = take_nonces(messages.size(), nonce);
  std::atomic<std::size_t> good = count;  // before the first bad one
  for_each(messages.first(count), [&](EVP_CIPHER_CTX* context, std::size_t i) {
    if (messages[i].in[0].size() >= kTagBytes) {
      begin_message(context, nonce + i, {});
      if (open_begun(context, messages[i].in[0], messages[i].out)) return;
    }
    for (std::size_t first = good; i < first && !good.compare_exchange_weak(first, i);) {
    }
  });
  if (good < count) return {good, Error::kHandshakeFailed};
  if (count < messages.size()) return {count, Error::kConnectionClosed};
  return {count, {}};
}

}  // namespace libp2p::noise
