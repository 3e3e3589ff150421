#include "libp2p/security/noise/noise_stream.h"

#include "base/log.h"
#include "libp2p/core/error.h"
#include "libp2p/core/turn.h"

namespace libp2p::noise {

namespace {

/// Frames that are opened in a row before others run. Large ones never come to it: the reader has had enough before.
constexpr std::size_t kFramesBetweenYields = 256;

/// A write under way. Gives the sealer's buffer back when it has ended, however it ends.
class Writing {
 public:
  Writing(FrameSealer& sealer, GatherCursor*& slot, GatherCursor& rest) : sealer_(sealer), slot_(slot) {
    slot_ = &rest;
  }
  ~Writing() {
    slot_ = nullptr;
    sealer_.release_buffer();
  }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

 private:
  FrameSealer& sealer_;
  GatherCursor*& slot_;
};

}  // namespace

NoiseStream::NoiseStream(std::unique_ptr<Stream> raw, HandshakeState::Transport ciphers)
    : raw_(std::move(raw)), sealer_(std::move(ciphers.send)), opener_(std::move(ciphers.receive)) {
  opener_.allow_frames(kFramesBetweenYields);
}

base::Task<base::Result<std::size_t>> NoiseStream::read_some(base::MutableBytes into) {
  for (;;) {
    if (!opener_.may_open_frames()) co_await let_others_run();
    auto opened = opener_.read(into);
    if (!opened) {
      // Whoever uses the connection learns only that it has gone.
      LOG_WARN("Noise: a message was damaged or forged on the way; its connection ends");
      raw_->reset();
    }
    if (!opened || *opened > 0) co_return opened;
    if (!opener_.may_open_frames()) continue;
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

base::Task<> NoiseStream::let_others_run() {
  opener_.allow_frames(kFramesBetweenYields);
  return give_way();
}

base::Task<> NoiseStream::wait_readable() {
  if (!opener_.may_open_frames()) co_await let_others_run();
  while (!read_end_ && !opener_.is_readable()) {
    opener_.release_buffer();
    co_await raw_->wait_readable();
    auto received = co_await receive();
    if (!received || *received == 0) read_end_ = received;
  }
}

std::size_t NoiseStream::read_available(base::MutableBytes into) {
  std::size_t done = 0;
  while (done < into.size() && opener_.may_open_frames()) {
    const auto opened = opener_.read(into.subspan(done));
    if (!opened) break;  // the next read_some() tells
    done += *opened;
    if (*opened > 0 || !opener_.may_open_frames()) continue;
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
  const Writing writing(sealer_, writing_, rest);
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

bool NoiseStream::detach_buffers() {
  if (writing_ != nullptr) writing_->detach();
  return true;
}

base::Task<base::Result<>> NoiseStream::close_write() { return raw_->close_write(); }

void NoiseStream::reset() noexcept { raw_->reset(); }

}  // namespace libp2p::noise
