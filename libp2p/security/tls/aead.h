// The ciphers that protect TLS records: authenticated encryption with a nonce a record (RFC 8446, section 5.2).
#pragma once

#include "base/bytes.h"
#include "libp2p/security/tls/traffic_secret.h"

#include <array>
#include <memory>

namespace libp2p::tls {

inline constexpr std::size_t kTagBytes = 16;
using Nonce = std::array<std::uint8_t, kIvBytes>;

/// One key, for one direction. Used by one thread at a time; wipes its key when it goes.
class Aead {
 public:
  enum class Use { kSeal, kOpen };

  virtual ~Aead() = default;
  /// Begins a record, whose `header` is authenticated and not hidden.
  virtual void begin(const Nonce& nonce, base::ConstBytes header) = 0;
  /// The next bytes of the record. `out` may be where `in` is, and overlaps it in no other way.
  virtual void update(base::ConstBytes in, std::uint8_t* out) = 0;
  /// Ends the record. REQUIRES: Use::kSeal; room for kTagBytes.
  virtual void write_tag(std::uint8_t* tag) = 0;
  /// Ends the record; false if it was damaged or forged. REQUIRES: Use::kOpen.
  virtual bool check_tag(const std::uint8_t* tag) = 0;

  /// The fastest at hand. REQUIRES: key.size() == key_bytes(suite).
  static std::unique_ptr<Aead> create(Suite suite, Use use, base::ConstBytes key);
};

/// OpenSSL's, of any suite.
std::unique_ptr<Aead> make_openssl_aead(Suite suite, Aead::Use use, base::ConstBytes key);
/// AES-GCM by Intel's IPsec-MB, four times as fast as OpenSSL 3.0 where the processor has AVX-512
/// (docs/decisions/0023). Null for another suite, a processor without AES instructions, or a build without the library.
std::unique_ptr<Aead> make_ipsec_mb_aead(Suite suite, Aead::Use use, base::ConstBytes key);

}  // namespace libp2p::tls
