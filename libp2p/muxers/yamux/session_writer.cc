#include "libp2p/core/error.h"
#include "libp2p/muxers/yamux/session_state.h"

namespace libp2p::yamux {

namespace {

/// After everything else: whoever reads GoAway may drop the connection.
base::Task<> say_goodbye(SessionState& session) {
  std::array<std::uint8_t, kFrameHeaderBytes> bytes;
  const auto code = static_cast<std::uint32_t>(session.go_away_code());
  encode_frame_header(FrameHeader{FrameType::kGoAway, 0, 0, code}, bytes);
  auto written = co_await session.secured().write(bytes);
  if (written) written = co_await session.secured().close_write();
  if (!written) session.abort(Error::kConnectionClosed, false);
}

}  // namespace

base::Task<> run_writer(std::shared_ptr<SessionState> session) {
  SendBatch batch(session->config().batch_bytes_max);
  while (!session->is_aborted()) {
    session->fill(batch);
    if (batch.empty()) {
      if (session->ended()) break;
      batch.release_memory();
      co_await session->wait_for_work();
      continue;
    }
    session->on_batch_begun(batch);
    auto written = co_await session->secured().write_gather(batch.pieces());
    if (!written) session->abort(Error::kConnectionClosed, false);
    session->on_batch_ended(batch, written.has_value());
    batch.clear();
  }
  if (!session->is_aborted()) co_await say_goodbye(*session);
  session->on_loop_ended();
}

}  // namespace libp2p::yamux
