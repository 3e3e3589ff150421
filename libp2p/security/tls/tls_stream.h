// A stream under TLS 1.3, after its handshake: we keep the record layer ourselves, because OpenSSL's copies every
// record once more.
#pragma once

#include "base/side_threads.h"
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
/// Where cores are to spare (SideThreads), a large write has the next records sealed by another thread while those
/// before go to the raw stream, and a large read receives more while another thread opens what is there.
///
/// A write reads the caller's buffers until it has sealed all of them; detach_buffers() is offered. A key update that
/// the other side asks for leaves before the next bytes written (RFC 8446, section 4.6.3).
///
/// The end of the stream is close_notify; a raw stream that ends without it is Error::kUnexpectedEof, as it may have
/// been cut off. For others see RecordOpener::read(): the raw stream is reset after them.
class TlsStream final : public Stream {
 public:
  TlsStream(std::unique_ptr<Stream> raw, TrafficSecrets secrets);
  /// Who helps with large reads and writes; the process's threads if not said. They outlive the stream.
  void use_side_threads(base::SideThreads& threads) { side_threads_ = &threads; }

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
  class Writing;

  base::Result<std::size_t> open(base::MutableBytes into);
  /// What follows from what has been opened, besides the bytes.
  base::Result<std::size_t> look_at(base::Result<std::size_t> opened);
  /// As open(), on another thread if one is to be had, and receives more meanwhile.
  base::Result<std::size_t> open_aside(base::MutableBytes into);
  base::Task<base::Result<>> write_plainly(GatherCursor& rest, std::uint8_t* buffer);
  base::Task<base::Result<>> write_aside(GatherCursor& rest, std::uint8_t* buffer, base::SideThreads::Loan& thread);
  /// Reads raw bytes; 0 at the end of the stream, which is one of its own.
  base::Task<base::Result<std::size_t>> receive();
  base::Task<> let_others_run();

  std::unique_ptr<Stream> raw_;
  RecordSealer sealer_;
  Writing* writing_ = nullptr;  ///< the write under way
  base::SideThreads* side_threads_ = &base::SideThreads::of_process();
  base::SideThreads::User writer_;
  base::SideThreads::User reader_;
  std::size_t unyielded_bytes_ = 0;  ///< received without waiting since others could run
  bool write_closed_ = false;
  RecordOpener opener_;
  bool told_of_failure_ = false;
  /// What wait_readable() met; read_some() tells it.
  std::optional<base::Error> read_error_;
};

}  // namespace libp2p::tls
