// Cuts what is to be sent into TLS records, straight from where it is. Pure: bytes in, bytes out. Borrows one buffer
// while there are bytes, and allocates nothing more. Not thread-safe.
#pragma once

#include "libp2p/core/buffer_pool.h"
#include "libp2p/core/gather_cursor.h"
#include "libp2p/security/tls/record_cipher.h"

namespace libp2p::tls {

/// Records after which we change our key, 64 GiB of them at most. AES-GCM may be used for 2^24.5
/// (RFC 8446, section 5.5).
inline constexpr std::uint64_t kRecordsPerKey = std::uint64_t{1} << 22;

class RecordSealer {
 public:
  /// Records of the largest size that are sealed at a time, to leave in one write.
  static constexpr std::size_t kRecords = 32;
  /// A buffer of at least this size begins a record of its own; shorter ones (a muxer's headers) share them. So a
  /// header and its payload arrive in different records, and the reader can open the payload straight into its
  /// destination.
  static constexpr std::size_t kOwnRecordMinBytes = 4 * 1024;
  /// Buffers in a row of at least this size are parts of one payload, and fill records across their bounds.
  static constexpr std::size_t kJoinedMinBytes = 16 * 1024;
  static constexpr std::size_t kBufferBytes = kRecords * kRecordMaxBytes;
  static_assert(kBufferBytes <= PooledBuffer::kBytes);

  explicit RecordSealer(const TrafficSecret& secret, std::uint64_t records_per_key = kRecordsPerKey)
      : cipher_(RecordCipher::Use::kSeal, secret), records_per_key_(records_per_key) {}

  /// Seals the front of `from` into `out`, as much as it holds, and returns the bytes written.
  /// REQUIRES: not from.done(); out.size() >= 2 * kRecordMaxBytes.
  std::size_t seal_some(GatherCursor& from, base::MutableBytes out);

  /// close_notify, the last thing to be sent.
  base::Bytes seal_end();

  /// Tells the other side of a new key soon, as it has asked for that.
  void update_key_soon() { key_update_due_ = true; }

 private:
  /// The size of a record of a payload that begins at the front; 0 if what is there shares one with others.
  static std::size_t large_bytes(const GatherCursor& from);
  std::size_t update_key(std::uint8_t* out);
  std::size_t seal_record(GatherCursor& from, std::size_t large, std::uint8_t* out);

  RecordCipher cipher_;
  std::uint64_t records_per_key_;
  bool key_update_due_ = false;
};

}  // namespace libp2p::tls
