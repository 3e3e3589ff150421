// Frames at random, most of them legal, against a session whose application echoes. Seeded, so that a failure repeats.
#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/yamux_test_support.h"
#include "libp2p/testing/process_usage.h"

#include <algorithm>
#include <cstdio>
#include <random>

namespace libp2p::yamux {
namespace {

constexpr int kFrames = 1'000'000;
constexpr int kFramesPerSession = 4000;
constexpr int kFramesPerWrite = 40;
/// What a session may hold beside what its streams have received: buffers, the pipe, and the echo of each stream.
constexpr std::size_t kOtherBytesMax = 4'000'000;

class YamuxRandomFramesTest : public CoroutineTest {
 protected:
  std::mt19937 random_{20240};

  std::uint32_t below(std::uint32_t bound) { return random_() % bound; }

  /// Mostly a frame that a peer might send, now and then anything.
  base::Bytes next_frame(bool may_break_rules) {
    if (may_break_rules && below(50) == 0) {
      base::Bytes bytes(kFrameHeaderBytes);
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(below(6) == 0 ? random_() : below(3));
      return bytes;
    }
    FrameHeader header;
    header.stream_id = 1 + below(20) * 2;
    switch (below(8)) {
      case 0:
      case 1:
        header.flags |= kFlagSyn;
        header.stream_id = next_id_ += 2;
        break;
      case 2:
        header.flags |= kFlagFin;
        break;
      case 3:
        if (below(4) == 0) header.flags |= kFlagRst;
        break;
      case 4:
        header.flags |= kFlagAck;
        break;
      default:
        break;
    }
    if (!(header.flags & kFlagSyn) && next_id_ > 40 && below(3) != 0) header.stream_id += next_id_ - 41;
    if (below(3) == 0) {
      header.type = FrameType::kWindowUpdate;
      header.length = below(100'000);
      return to_wire(header);
    }
    header.length = below(30) == 0 ? below(100'000) : below(500);
    if (below(4) == 0) header.length = 0;
    return to_wire(header, base::ConstBytes(payload_).first(header.length));
  }

  std::uint32_t next_id_ = 1;
  const base::Bytes payload_ = pattern(100'000);
};

TEST_F(YamuxRandomFramesTest, AMillionFramesNeitherCrashNorLeakNorFillMemory) {
  std::size_t most_bytes = 0;
  int frames = 0;
  while (frames < kFrames) {
    next_id_ = 1;
    const std::size_t bytes_before = testing::heap_bytes_in_use();
    auto [left, right] = testing::make_memory_pipe(
        io_.get_executor(),
        {.capacity_bytes = 20'000, .read_bytes_max = 1 + below(5000), .offers_read_available = below(2) == 0});
    auto peer = std::shared_ptr<Stream>(std::move(right));
    YamuxConfig config;
    config.streams_max = 60;
    config.accept_backlog_max = 1 + below(20);
    config.control_frames_max = 1 + below(20);
    config.received_bytes_max = below(4) == 0 ? 100'000 : 1'000'000;
    auto session = YamuxMuxer(clock_, config).start(io_.get_executor(), std::move(left), false);
    // One that nobody serves holds what it receives.
    auto serving = below(4) == 0 ? nullptr : start(serve_echo(session, io_.get_executor()));
    auto drained = start(read_to_end(*peer));
    const bool breaks_rules = below(2) == 0;
    for (int i = 0; i < kFramesPerSession && !session->is_closed(); i += kFramesPerWrite) {
      base::Bytes bytes;
      for (int k = 0; k < kFramesPerWrite; ++k) base::append(bytes, next_frame(breaks_rules));
      frames += kFramesPerWrite;
      auto sent = run(peer->write(bytes));
      if (!sent) break;
      const std::size_t bytes_now = testing::heap_bytes_in_use();
      ASSERT_LE(bytes_now, bytes_before + config.received_bytes_max + kOtherBytesMax);
      most_bytes = std::max(most_bytes, bytes_now - std::min(bytes_now, bytes_before));
    }
    if (below(2) == 0) session->abort();
    if (below(2) == 0) peer->reset();
    session.reset();
    peer->reset();
    if (serving) {
      ASSERT_TRUE(finish(serving));
    }
    finish(drained);
    poll();  // what is left of it goes
  }
  std::printf("a session held %zu bytes at most\n", most_bytes);
}

}  // namespace
}  // namespace libp2p::yamux
