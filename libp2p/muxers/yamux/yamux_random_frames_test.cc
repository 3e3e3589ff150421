// Frames at random, most of them legal, against a session whose application echoes. Seeded, so that a failure repeats.
#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/yamux_test_support.h"

#include <random>

namespace libp2p::yamux {
namespace {

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
    header.length = below(10) == 0 ? below(100'000) : below(500);
    if (below(4) == 0) header.length = 0;
    return to_wire(header, pattern(header.length));
  }

  std::uint32_t next_id_ = 1;
};

TEST_F(YamuxRandomFramesTest, AHundredThousandFramesNeitherCrashNorLeak) {
  int frames = 0;
  int sessions = 0;
  while (frames < 100'000) {
    ++sessions;
    next_id_ = 1;
    auto [left, right] = testing::make_memory_pipe(
        io_.get_executor(),
        {.capacity_bytes = 20'000, .read_bytes_max = 1 + below(5000), .offers_read_available = below(2) == 0});
    auto peer = std::shared_ptr<Stream>(std::move(right));
    YamuxConfig config;
    config.streams_max = 60;
    config.accept_backlog_max = 1 + below(20);
    config.control_frames_max = 1 + below(20);
    auto session = YamuxMuxer(clock_, config).start(io_.get_executor(), std::move(left), false);
    auto serving = start(serve_echo(session, io_.get_executor()));
    auto drained = start(read_to_end(*peer));
    const bool breaks_rules = below(2) == 0;
    for (int i = 0; i < 2000 && !session->is_closed(); ++i, ++frames) {
      const base::Bytes frame = next_frame(breaks_rules);
      auto sent = run(peer->write(frame));
      if (!sent) break;
    }
    if (below(2) == 0) session->abort();
    if (below(2) == 0) peer->reset();
    session.reset();
    peer->reset();
    ASSERT_TRUE(finish(serving));
    finish(drained);
  }
  RecordProperty("sessions", sessions);
}

}  // namespace
}  // namespace libp2p::yamux
