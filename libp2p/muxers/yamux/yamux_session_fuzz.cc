// A session that is fed arbitrary bytes, cut into reads by the input's first bytes. The application echoes. Nothing
// may crash, and what the session holds must stay within its bounds.
#include "base/clock.h"
#include "base/signal.h"
#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"

#include <boost/asio/io_context.hpp>

#include <cstdlib>

namespace libp2p {
namespace {

/// Gives out a script, in pieces, then the end of the stream; takes what is written.
class ScriptedStream final : public Stream {
 public:
  ScriptedStream(base::ConstBytes script, std::size_t piece_bytes, bool offers_available)
      : script_(script), piece_bytes_(piece_bytes), offers_available_(offers_available) {}

  base::Task<base::Result<std::size_t>> read_some(base::MutableBytes into) override {
    co_await base::yield_now();
    if (reset_) co_return Error::kReset;
    co_return take(into);
  }
  std::size_t read_available(base::MutableBytes into) override { return offers_available_ && !reset_ ? take(into) : 0; }
  base::Task<base::Result<>> write(base::ConstBytes) override {
    co_await base::yield_now();
    if (reset_) co_return Error::kReset;
    co_return base::Result<>();
  }
  base::Task<base::Result<>> close_write() override { co_return base::Result<>(); }
  void reset() noexcept override { reset_ = true; }

 private:
  std::size_t take(base::MutableBytes into) {
    const std::size_t count = std::min({into.size(), script_.size(), piece_bytes_});
    std::copy_n(script_.begin(), count, into.begin());
    script_ = script_.subspan(count);
    return count;
  }

  base::ConstBytes script_;
  std::size_t piece_bytes_;
  bool offers_available_;
  bool reset_ = false;
};

base::Task<> echo(std::unique_ptr<Stream> stream) {
  base::Bytes chunk(3000);
  for (;;) {
    auto count = co_await stream->read_some(chunk);
    if (!count || *count == 0) break;
    auto written = co_await stream->write(base::ConstBytes(chunk).first(*count));
    if (!written) break;
  }
  (void)co_await stream->close_write();
}

base::Task<> serve(std::shared_ptr<MuxedConnection> session, base::Executor executor, std::size_t streams_max) {
  for (;;) {
    auto stream = co_await session->accept_stream();
    if (!stream) co_return;
    if (session->stream_count() > streams_max) std::abort();
    base::spawn(executor, echo(std::move(*stream)));
  }
}

}  // namespace
}  // namespace libp2p

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  boost::asio::io_context io;
  base::ManualClock clock;
  libp2p::YamuxConfig config;
  config.streams_max = 8;
  config.accept_backlog_max = 4;
  config.control_frames_max = 4;
  auto stream =
      std::make_unique<libp2p::ScriptedStream>(base::ConstBytes(data + 2, size - 2), data[0] + 1u, (data[1] & 1) != 0);
  auto session = libp2p::YamuxMuxer(clock, config).start(io.get_executor(), std::move(stream), (data[1] & 2) != 0);
  base::spawn(io.get_executor(), libp2p::serve(session, io.get_executor(), config.streams_max));
  io.poll();
  clock.advance(std::chrono::minutes(1));
  io.restart();
  io.poll();
  if (!session->is_closed()) std::abort();  // the script has ended, so the session has
  session.reset();
  io.restart();
  io.poll();
  return 0;
}
