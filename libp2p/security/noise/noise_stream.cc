#include "libp2p/security/noise/noise_stream.h"

#include "base/log.h"
#include "libp2p/core/error.h"

namespace libp2p::noise {

namespace {

/// Gives the sealer's buffer back when a write has ended, however it ends.
class BufferLoan {
 public:
  explicit BufferLoan(FrameSealer& sealer) : sealer_(sealer) {}
  ~BufferLoan() { sealer_.release_buffer(); }
  BufferLoan(const BufferLoan&) = delete;
  BufferLoan& operator=(const BufferLoan&) = delete;

 private:
  FrameSealer& sealer_;
};

}  // namespace

NoiseStream::NoiseStream(std::unique_ptr<Stream> raw, HandshakeState::Transport ciphers)
    : raw_(std::move(raw)), sealer_(std::move(ciphers.send)), opener_(std::move(ciphers.receive)) {}

base::Task<base::Result<std::size_t>> NoiseStream::read_some(base::MutableBytes into) {
  for (;;) {
    auto opened = opener_.read(into);
    if (!opened) {
      // Whoever uses the connection learns only that it has gone.
      LOG_WARN("Noise: a message was damaged or forged on the way; its connection ends");
      raw_->reset();
    }
    if (!opened || *opened > 0) co_return opened;
    if (read_end_) co_return *read_end_;
    auto received = co_await receive();
    if (!received || *received == 0) co_return received;
  }
}

base::Task<base::Result<std::size_t>> NoiseStream::receive() {
  auto received = co_await raw_->read_some(opener_.space());
  if (!received) co_return received;
  if (*received == 0 && opener_.inside_frame()) co_return Error::kUnexpectedEof;
  opener_.received(*received);
  co_return received;
}

base::Task<> NoiseStream::wait_readable() {
  while (!read_end_ && !opener_.is_readable()) {
    opener_.release_buffer();
    co_await raw_->wait_readable();
    auto received = co_await receive();
    if (!received || *received == 0) read_end_ = received;
  }
}

std::size_t NoiseStream::read_available(base::MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size()) {
    const auto opened = opener_.read(into.subspan(done));
    if (!opened) break;  // the next read_some() tells
    done += *opened;
    if (*opened > 0) continue;
    const std::size_t received = raw_->read_available(opener_.space());
    if (received == 0) break;
    opener_.received(received);
  }
  return done;
}

base::Task<base::Result<>> NoiseStream::write(base::ConstBytes bytes) {
  const std::span<const base::ConstBytes> one(&bytes, 1);
  auto written = co_await write_gather(one);
  co_return written;
}

base::Task<base::Result<>> NoiseStream::write_gather(std::span<const base::ConstBytes> buffers) {
  GatherCursor rest(buffers);
  const BufferLoan loan(sealer_);
  while (!rest.done()) {
    auto frames = sealer_.seal_some(rest);
    if (!frames) {
      raw_->reset();
      co_return frames.error();
    }
    auto written = co_await raw_->write(*frames);
    if (!written) co_return written;
  }
  co_return base::Result<>();
}

base::Task<base::Result<>> NoiseStream::close_write() { return raw_->close_write(); }

void NoiseStream::reset() noexcept { raw_->reset(); }

}  // namespace libp2p::noise
