// Protects and unprotects TLS 1.3 records (RFC 8446, section 5.2): the data path's cipher.
#pragma once

#include "base/bytes.h"
#include "libp2p/security/tls/aead.h"
#include "libp2p/security/tls/traffic_secret.h"

#include <memory>
#include <optional>
#include <span>

namespace libp2p::tls {

enum class ContentType : std::uint8_t { kChangeCipherSpec = 20, kAlert = 21, kHandshake = 22, kApplicationData = 23 };

inline constexpr std::size_t kRecordHeaderBytes = 5;
/// Bound on the content of a record.
inline constexpr std::size_t kContentMaxBytes = 16 * 1024;
/// Header, type and tag.
inline constexpr std::size_t kRecordOverheadBytes = kRecordHeaderBytes + 1 + kTagBytes;
inline constexpr std::size_t kRecordMaxBytes = kContentMaxBytes + kRecordOverheadBytes;

/// One direction's key, IV and sequence number, for either sealing or opening. Moved, not copied; used by one thread at
/// a time.
class RecordCipher {
 public:
  using Use = Aead::Use;

  RecordCipher(Use use, const TrafficSecret& secret);

  /// Writes a whole record to `out`: header, the pieces as its content, type, tag. Returns its size.
  /// REQUIRES: Use::kSeal; the pieces hold at most kContentMaxBytes, and do not overlap `out`, which has room for
  /// kRecordOverheadBytes more.
  std::size_t seal(ContentType type, std::span<const base::ConstBytes> pieces, std::uint8_t* out);

  /// Unprotects `record`, header and all. All of the plaintext but its last byte goes to `out`, which may be where the
  /// ciphertext is; returns that last byte: the type, or padding. Nothing if the tag is wrong; what stands in `out` is
  /// void then. REQUIRES: Use::kOpen; the record holds at least a byte and a tag.
  std::optional<std::uint8_t> open(base::ConstBytes record, std::uint8_t* out);

  /// Goes on with the next key, at sequence number 0.
  void update_key();
  /// Records sealed or opened with this key.
  std::uint64_t records() const { return sequence_; }

 private:
  void set_key();
  /// Takes the next nonce, and gives the cipher the record's header to authenticate.
  void begin(const std::uint8_t* header);

  Use use_;
  TrafficSecret secret_;
  std::unique_ptr<Aead> aead_;
  Nonce iv_{};
  std::uint64_t sequence_ = 0;
};

}  // namespace libp2p::tls
