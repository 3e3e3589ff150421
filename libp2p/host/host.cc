#include "libp2p/host/host.h"

#include "libp2p/dns/cares_resolver.h"
#include "libp2p/host/host_impl.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/security/noise/noise_security.h"
#include "libp2p/security/tls/tls_security.h"
#include "libp2p/transports/tcp/tcp_transport.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace libp2p {

namespace {

std::unique_ptr<Security> make_security(std::string_view name, const multiformats::PrivateKey& key,
                                        std::vector<std::string> muxers) {
  if (name == "/tls/1.0.0") return std::make_unique<tls::TlsSecurity>(key, std::move(muxers));
  if (name == "/noise") return std::make_unique<noise::NoiseSecurity>(key, std::move(muxers));
  throw std::invalid_argument("HostConfig::securities: no such protocol");
}

}  // namespace

std::uint64_t unix_time_ns() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
}

std::vector<std::string> default_securities() { return {"/tls/1.0.0", "/noise"}; }

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
  std::vector<std::string> muxers{std::string(parts.muxers.front()->protocol_id())};
  // Last: a dialler that offers both means the muxer.
  if (!config.data_protocol.empty()) muxers.push_back(config.data_protocol);
  for (const std::string& security : config.securities) {
    parts.securities.push_back(make_security(security, config.key, muxers));
    if (config.data_protocol.empty()) continue;
    parts.data_securities.push_back(make_security(security, config.key, {config.data_protocol}));
  }
  return std::make_unique<HostImpl>(executor, clock, std::move(config), std::move(parts));
}

}  // namespace libp2p
