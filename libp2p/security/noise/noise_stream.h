// A stream that is sealed by Noise.
#pragma once

#include "libp2p/core/stream.h"
#include "libp2p/security/noise/noise_frames.h"
#include "libp2p/security/noise/noise_state.h"

#include <memory>

namespace libp2p::noise {

/// What the handshake yields. Memory: a PooledBuffer while a write is under way, and one while there are bytes to open;
/// next to nothing in wait_readable() at the beginning of a frame. Reads hand out whole frames where the caller's
/// buffer holds them (kPlaintextMaxBytes), without a copy; writes seal several frames for one raw write.
///
/// A write reads the caller's buffers until it has sealed all of them; detach_buffers() is offered.
///
/// A bad frame ends the connection: Error::kProtocolViolation. Noise does not seal the end of the stream, so that it
/// is as trustworthy as the raw one's; inside a frame it is Error::kUnexpectedEof.
class NoiseStream final : public Stream {
 public:
  NoiseStream(std::unique_ptr<Stream> raw, HandshakeState::Transport ciphers);

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
  /// Reads raw bytes; 0 at the end of the stream.
  base::Task<base::Result<std::size_t>> receive();
  base::Task<> let_others_run();

  std::unique_ptr<Stream> raw_;
  FrameSealer sealer_;
  GatherCursor* writing_ = nullptr;  ///< the write under way
  FrameOpener opener_;
  /// What wait_readable() met; read_some() tells it.
  std::optional<base::Result<std::size_t>> read_end_;
};

}  // namespace libp2p::noise
