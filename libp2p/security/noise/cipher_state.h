// Noise's CipherState with ChaCha20-Poly1305 (noiseprotocol.org/noise.html section 5.1): the data path's cipher.
#pragma once

#include "base/bytes.h"
#include "base/parallel_for.h"
#include "base/result.h"
#include "libp2p/security/noise/secret_block.h"

#include <memory>
#include <span>
#include <vector>

struct evp_cipher_ctx_st;

namespace libp2p::noise {

inline constexpr std::size_t kTagBytes = 16;
/// Bound on any Noise message, and on the plaintext in a transport message.
inline constexpr std::size_t kMessageMaxBytes = 65535;
inline constexpr std::size_t kPlaintextMaxBytes = kMessageMaxBytes - kTagBytes;

/// One direction's key and nonce counter, for either sealing or opening. Holds one OpenSSL context for its whole life,
/// because making one costs more than sealing a small message, and one for each thread that has helped. Moved, not
/// copied; not thread-safe.
class CipherState {
 public:
  enum class Use { kSeal, kOpen };

  /// A message of several: what is sealed, in pieces, or one ciphertext; and where to, as in seal() and open().
  struct Message {
    std::span<const base::ConstBytes> in;
    std::uint8_t* out = nullptr;
    std::size_t size() const;
  };
  struct Opened {
    std::size_t good = 0;  ///< messages before the first bad one
    base::Error error;     ///< the bad one's, as from open()
  };

  CipherState(Use use, const SecretBlock& key);
  /// Who helps with large messages; the process's pool if not said. It outlives the cipher.
  void use_pool(base::ParallelPool& pool) { pool_ = &pool; }

  /// Writes the ciphertext and its tag to `out`, which is where `plaintext` is or does not overlap it.
  /// Error::kConnectionClosed once the nonces are used up: 2^64-1 is not one.
  /// REQUIRES: Use::kSeal; `out` has room for plaintext.size() + kTagBytes.
  base::Result<> seal(base::ConstBytes associated, base::ConstBytes plaintext, std::uint8_t* out);

  /// Writes the plaintext to `out`, which is where `ciphertext` is or does not overlap it. Error::kHandshakeFailed for
  /// a wrong tag or a message shorter than a tag, Error::kConnectionClosed once the nonces are used up; what then
  /// stands in `out` is void. REQUIRES: Use::kOpen; `out` has room for ciphertext.size() - kTagBytes.
  base::Result<> open(base::ConstBytes associated, base::ConstBytes ciphertext, std::uint8_t* out);

  /// As seal() without associated data of one after the other, at the same time where that is worth it. On an error
  /// nothing of `out` may be sent. REQUIRES: as seal(); no message's memory overlaps another's `out`.
  base::Result<> seal_all(std::span<const Message> messages);
  /// As open() of one after the other, each of one piece, until one is bad; what stands in the `out` of the bad one and
  /// those after it is void, and nothing may be opened afterwards. REQUIRES: as open(), and as seal_all() of memory.
  Opened open_all(std::span<const Message> messages);

  /// The spec's SetNonce().
  void set_nonce(std::uint64_t nonce) { nonce_ = nonce; }

 private:
  struct ContextDeleter {
    void operator()(evp_cipher_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_cipher_ctx_st, ContextDeleter>;
  Context make_context() const;
  base::Result<std::uint64_t> next_nonce();
  /// Nonces for messages that follow each other: how many there are of `wanted`.
  std::size_t take_nonces(std::size_t wanted, std::uint64_t& first);
  /// Calls work(context, i) for each message, on several threads if there is much to do.
  template <class Work>
  void for_each(std::span<const Message> messages, Work work);

  Use use_;
  SecretBlock key_;  ///< for the contexts to come
  Context context_;
  std::vector<Context> helpers_;  ///< of participants 1, 2, …
  base::ParallelPool* pool_ = &base::ParallelPool::of_process();
  std::uint64_t nonce_ = 0;
};

}  // namespace libp2p::noise
