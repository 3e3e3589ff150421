#include "libp2p/muxers/yamux/yamux_muxer.h"

#include "libp2p/muxers/yamux/session_state.h"
#include "libp2p/muxers/yamux/yamux_session.h"

namespace libp2p {

YamuxMuxer::YamuxMuxer(base::Clock& clock, YamuxConfig config)
    : clock_(clock), config_(config), received_(std::make_shared<yamux::ReceivedTotal>()) {}

YamuxMuxer::~YamuxMuxer() = default;

std::shared_ptr<MuxedConnection> YamuxMuxer::start(const base::Executor& executor, std::unique_ptr<Stream> secured,
                                                   bool is_dialler) {
  auto state =
      std::make_shared<yamux::SessionState>(executor, clock_, config_, received_, std::move(secured), is_dialler);
  state->start();
  return std::make_shared<yamux::YamuxSession>(std::move(state));
}

}  // namespace libp2p
