#include "libp2p/host/host.h"

#include "libp2p/dns/cares_resolver.h"
#include "libp2p/host/host_impl.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/security/noise/noise_security.h"
#include "libp2p/transports/tcp/tcp_transport.h"

#include <algorithm>

namespace libp2p {

std::unique_ptr<Host> Host::create(const base::Executor& executor, base::Clock& clock, HostConfig config) {
  YamuxConfig yamux;
  yamux.streams_max = config.streams_per_connection_max;
  yamux.keep_alive = config.keep_alive;
  if (config.stream_turn_bytes) {
    yamux.data_frame_bytes_max = *config.stream_turn_bytes;
    yamux.batch_bytes_max = std::max(yamux.batch_bytes_max, 2 * yamux.data_frame_bytes_max);
  }
  HostParts parts;
  parts.transports.push_back(std::make_unique<TcpTransport>(executor, clock));
  parts.resolver = std::make_unique<CaresResolver>(executor);
  parts.muxers.push_back(std::make_unique<YamuxMuxer>(clock, yamux));
  std::string muxer(parts.muxers.front()->protocol_id());
  parts.securities.push_back(std::make_unique<noise::NoiseSecurity>(config.key, std::move(muxer)));
  return std::make_unique<HostImpl>(executor, clock, std::move(config), std::move(parts));
}

}  // namespace libp2p
