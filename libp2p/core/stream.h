// The byte stream that every layer of the stack reads and writes: a TCP connection, a secured one, a muxed stream.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/task.h"

#include <cstddef>
#include <optional>

namespace libp2p {

/// An ordered, reliable stream of bytes in both directions.
///
/// Not thread-safe: all calls are made on the executor of the connection that it belongs to (see move_to()). At most
/// one read and one write are under way at a time. Whoever awaits an operation keeps the stream alive until it has
/// completed. Destroying a stream that is not closed in both directions resets it.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Reads between 1 and into.size() bytes; 0 means that the other side has closed its direction.
  /// REQUIRES: into is not empty.
  virtual base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) = 0;

  /// Reads what has already come in, without waiting: up to into.size() bytes, often 0. Tells neither the end of the
  /// stream nor an error; read_some() does. Lets a layer above put payload straight where it belongs, in a buffer that
  /// it could not lend to a read that waits. Optional: a stream need not offer it.
  virtual std::size_t read_available(base::MutableBytes) { return 0; }

  /// Waits until read_some() would not: for bytes, the end of the stream or an error. So a layer above need not hold a
  /// buffer while nothing comes. Counts as a read. Optional: a stream that cannot tell returns at once.
  virtual base::Task<> wait_readable();

  /// Writes all of `bytes`, waiting while the other side grants no room. On return the buffer may be reused.
  virtual base::Task<base::Result<>> write(base::ConstBytes bytes) = 0;

  /// Writes the buffers one after the other, as one write: payload needs no copy to follow its header.
  /// `buffers` and what it points to stay valid until the task completes.
  virtual base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers);

  /// Lets whoever waits for a write_gather() have its buffers back before that completes: what has not been taken from
  /// them is copied. Optional: false if the stream still reads them, and none need be under way if it is true.
  virtual bool detach_buffers() { return false; }

  /// Closes our direction: the other side reads end of stream after what was written. Reading goes on.
  virtual base::Task<base::Result<>> close_write() = 0;

  /// Goes on living on another executor. Called on the old one, with nothing under way; every later call, the
  /// destructor too, comes on the new one. Optional: false if the stream cannot move; then it stays as it is.
  virtual bool move_to(const base::Executor&) { return false; }

  /// Ends both directions at once, dropping what is buffered; pending and later operations fail.
  virtual void reset() noexcept = 0;
};

/// Reads exactly into.size() bytes. Error::kUnexpectedEof if the stream ends before that.
base::Task<base::Result<>> read_exact(Stream& stream, base::MutableBytes into);

/// Reads one message prefixed by its length as an unsigned varint. A length over `bytes_max` is an error, found before
/// anything is allocated.
base::Task<base::Result<base::Bytes>> read_length_prefixed(Stream& stream, std::size_t bytes_max);

/// The same where the stream may end between messages: nothing means that it has.
base::Task<base::Result<std::optional<base::Bytes>>> read_length_prefixed_or_eof(Stream& stream, std::size_t bytes_max);

/// Writes one message prefixed by its length as an unsigned varint.
base::Task<base::Result<>> write_length_prefixed(Stream& stream, base::ConstBytes message);

}  // namespace libp2p
