// A stream under TLS 1.3, after its handshake: we keep the record layer ourselves, because OpenSSL's copies every
// record once more.
#pragma once

#include "libp2p/core/stream.h"
#include "libp2p/security/tls/record_opener.h"
#include "libp2p/security/tls/record_sealer.h"

#include <memory>

namespace libp2p::tls {

/// What the handshake yields.
struct TrafficSecrets {
  TrafficSecret send;
  TrafficSecret receive;
  /// Bytes received behind the handshake.
  base::Bytes received = {};
  std::uint64_t records_per_key = kRecordsPerKey;
};

/// Memory: a PooledBuffer while a write is under way, and one while there are bytes to open; next to nothing in
/// wait_readable() at the beginning of a record. Reads hand out whole records where the caller's buffer holds them,
/// without a copy; writes seal many records for one raw write.
///
/// A write reads the caller's buffers until it has sealed all of them; detach_buffers() is offered. A key update that
/// the other side asks for leaves before the next bytes written (RFC 8446, section 4.6.3).
///
/// The end of the stream is close_notify; a raw stream that ends without it is Error::kUnexpectedEof, as it may have
/// been cut off. For others see RecordOpener::read(): the raw stream is reset after them.
class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> raw, TrafficSecrets secrets);

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override;
  std::size_t read_available(base::MutableBytes into) override;
  base::Task<> wait_readable() override;
  base::Task<base::Result<>> write(base::ConstBytes bytes) override;
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override;
  bool detach_buffers() override;
  base::Task<base::Result<>> close_write() override;
  bool move_to(const base::Executor& executor) override { return raw_->move_to(executor); }
  void reset() noexcept override;

 private:
  base::Result<std::size_t> open(base::MutableBytes into);
  /// Reads raw bytes; 0 at the end of the stream, which is one of its own.
  base::Task<base::Result<std::size_t>> receive();
  base::Task<> let_others_run();

  std::unique_ptr<Stream> raw_;
  RecordSealer sealer_;
  GatherCursor* writing_ = nullptr;  ///< what the write under way has not sealed yet
  bool write_closed_ = false;
  RecordOpener opener_;
  bool told_of_failure_ = false;
  /// What wait_readable() met; read_some() tells it.
  std::optional<base::Error> read_error_;
};

}  // namespace libp2p::tls
