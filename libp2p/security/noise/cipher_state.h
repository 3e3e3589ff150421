// Noise's CipherState with ChaCha20-Poly1305 (noiseprotocol.org/noise.html section 5.1): the data path's cipher.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "libp2p/security/noise/secret_block.h"

#include <memory>

struct evp_cipher_ctx_st;

namespace libp2p::noise {

inline constexpr std::size_t kTagBytes = 16;
/// Bound on any Noise message, and on the plaintext in a transport message.
inline constexpr std::size_t kMessageMaxBytes = 65535;
inline constexpr std::size_t kPlaintextMaxBytes = kMessageMaxBytes - kTagBytes;

/// One direction's key and nonce counter, for either sealing or opening. Holds one OpenSSL context for its whole life,
/// because making one costs more than sealing a small message. Moved, not copied; not thread-safe.
class CipherState {
 public:
  enum class Use { kSeal, kOpen };

  CipherState(Use use, const SecretBlock& key);

  /// Writes the ciphertext and its tag to `out`, which is where `plaintext` is or does not overlap it.
  /// Error::kConnectionClosed once the nonces are used up: 2^64-1 is not one.
  /// REQUIRES: Use::kSeal; `out` has room for plaintext.size() + kTagBytes.
  base::Result<> seal(base::ConstBytes associated, base::ConstBytes plaintext, std::uint8_t* out);

  /// Writes the plaintext to `out`, which is where `ciphertext` is or does not overlap it. Error::kHandshakeFailed for
  /// a wrong tag or a message shorter than a tag, Error::kConnectionClosed once the nonces are used up; what then
  /// stands in `out` is void. REQUIRES: Use::kOpen; `out` has room for ciphertext.size() - kTagBytes.
  base::Result<> open(base::ConstBytes associated, base::ConstBytes ciphertext, std::uint8_t* out);

  /// The spec's SetNonce().
  void set_nonce(std::uint64_t nonce) { nonce_ = nonce; }

 private:
  struct ContextDeleter {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  base::Result<> begin_message(base::ConstBytes associated);

  std::unique_ptr<evp_cipher_ctx_st, ContextDeleter> context_;
  std::uint64_t nonce_ = 0;
};

}  // namespace libp2p::noise
