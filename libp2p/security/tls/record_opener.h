// Puts received bytes together into TLS records and opens them, into the reader's buffer where they fit. Pure: bytes
// in, bytes out. Borrows one buffer while there are bytes, and allocates nothing more on the data path. Not
// thread-safe.
#pragma once

#include "base/result.h"
#include "libp2p/core/opener_buffer.h"
#include "libp2p/security/tls/post_handshake.h"
#include "libp2p/security/tls/record_cipher.h"

#include <optional>

namespace libp2p::tls {

/// Records without application data that are taken in a row. Nobody sends more but to keep us busy.
inline constexpr int kIdleRecordsMax = 32;

///     while (read() is 0 and not ended()) received(receive into space());
class RecordOpener {
 public:
  explicit RecordOpener(const TrafficSecret& secret) : cipher_(RecordCipher::Use::kOpen, secret) {}

  /// Opens what has been received, into `into` directly where a record's content fits. Returns the bytes written there;
  /// 0 if there is no complete record, or the stream has ended. What stands behind them in `into` is void.
  ///
  /// Errors, now and ever after: Error::kProtocolViolation for what is no record or has a wrong tag, for messages that
  /// have no place there, and for too many records in a row without data; Error::kReset for a fatal alert.
  /// REQUIRES: into is not empty.
  base::Result<std::size_t> read(base::MutableBytes into);

  /// Where to put what is received next; never empty. REQUIRES: read() has returned 0.
  base::MutableBytes space() { return buffer_.space(); }
  /// REQUIRES: bytes <= space().size().
  void received(std::size_t bytes) { buffer_.received(bytes); }

  /// The other side has said that nothing more comes.
  bool ended() const { return messages_.ended(); }
  /// Whether it has asked, since the last call, for us to change our key.
  bool take_key_request() { return messages_.take_key_request(); }
  /// Whether read() might return bytes or an error, or has met the end. A record without data looks like one with some.
  bool is_readable() const { return buffer_.has_leftover() || failed_ || ended() || has_record(); }
  /// Small records that read() opens from now on; then it returns 0. They cost more than their bytes.
  void allow_records(std::size_t count) { records_left_ = count; }
  bool may_open_records() const { return records_left_ > 0; }

  /// Gives the buffer back, until the next space(), if at most the beginning of a record is in it, which is kept
  /// elsewhere. A larger part of a record stays where it is.
  void release_buffer() { buffer_.release(); }

 private:
  /// The next record, header and all; nothing if it is not complete.
  base::Result<std::optional<base::ConstBytes>> next_record() const;
  /// Whether there is one, or what cannot be one.
  bool has_record() const;
  /// Opens the next record and returns the bytes written to `into`; nothing if there is none, or if it does not fit
  /// into `into` and need not be read now.
  base::Result<std::optional<std::size_t>> open_record(base::MutableBytes into, bool need);
  /// What is in a record whose plaintext stands at `plaintext`, but for `last`: the size of its application data.
  base::Result<std::size_t> take_plaintext(base::ConstBytes plaintext, std::uint8_t last);
  base::Error take_message(ContentType type, base::ConstBytes content);

  RecordCipher cipher_;
  PostHandshake messages_;
  OpenerBuffer buffer_{kRecordMaxBytes, PooledBuffer::kBytes};
  int idle_records_ = 0;  ///< in a row
  std::size_t records_left_ = SIZE_MAX;
  base::Error failed_;
};

}  // namespace libp2p::tls
