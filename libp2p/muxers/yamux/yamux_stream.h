// One stream of a yamux session.
#pragma once

#include "libp2p/core/stream.h"

#include <memory>

namespace libp2p::yamux {

class SessionState;
struct StreamState;

/// May outlive its session: then reading returns what was buffered and fails, and writing fails, with the error that
/// ended the session.
///
/// A write completes when its bytes have been passed to the secured stream, which reads the caller's buffers meanwhile.
/// If it is reset while the connection takes no bytes, it fails at once where that stream gives the buffers back
/// (Stream::detach_buffers(); Noise does); else, if it is of more than a few KiB, when the batch has been written or
/// the session has been ended for it (YamuxConfig::stalled_write_timeout). Reads fail at once.
class YamuxStream final : public Stream {
 public:
  YamuxStream(std::shared_ptr<SessionState> session, std::shared_ptr<StreamState> state);
  ~YamuxStream() override;

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override;
  std::size_t read_available(base::MutableBytes into) override;
  base::Task<base::Result<>> write(base::ConstBytes bytes) override;
  base::Task<base::Result<>> write_gather(std::span<const base::ConstBytes> buffers) override;
  /// Does not wait for the FIN to be sent.
  base::Task<base::Result<>> close_write() override;
  void reset() noexcept override;

 private:
  std::shared_ptr<SessionState> session_;
  std::shared_ptr<StreamState> state_;
};

}  // namespace libp2p::yamux
