// The muxer /yamux/1.0.0.
#pragma once

#include "base/clock.h"
#include "libp2p/core/muxer.h"
#include "libp2p/muxers/yamux/yamux_config.h"

namespace libp2p {

namespace yamux {
struct ReceivedTotal;
}

/// Makes yamux sessions, all on one executor. `clock` outlives them.
class YamuxMuxer final : public Muxer {
 public:
  explicit YamuxMuxer(base::Clock& clock, YamuxConfig config = {});
  ~YamuxMuxer() override;

  std::string_view protocol_id() const override { return "/yamux/1.0.0"; }
  std::shared_ptr<MuxedConnection> start(const base::Executor& executor, std::unique_ptr<Stream> secured,
                                         bool is_dialler) override;

 private:
  base::Clock& clock_;
  YamuxConfig config_;
  std::shared_ptr<yamux::ReceivedTotal> received_;
};

}  // namespace libp2p
