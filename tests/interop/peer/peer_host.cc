#include "tests/interop/peer/peer_host.h"

#include "libp2p/host/host_impl.h"
#include "libp2p/muxers/yamux/yamux_muxer.h"
#include "libp2p/security/noise/noise_security.h"
#include "libp2p/security/tls/tls_security.h"
#include "libp2p/transports/tcp/tcp_transport.h"

namespace interop {

std::unique_ptr<libp2p::Host> make_host(const base::Executor& executor, base::Clock& clock,
                                        const multiformats::PrivateKey& key, bool muxer_in_handshake,
                                        std::vector<std::string> securities,
                                        std::optional<libp2p::pnet::PreSharedKey> network_key) {
  libp2p::HostConfig config{.key = key};
  config.serve_perf = true;
  config.network_key = std::move(network_key);
  config.securities = std::move(securities);
  if (muxer_in_handshake) return libp2p::Host::create(executor, clock, std::move(config));
  // The same stack, but with security protocols that know of no muxer to offer.
  libp2p::HostParts parts;
  parts.transports.push_back(std::make_unique<libp2p::TcpTransport>(executor, clock));
  parts.muxers.push_back(std::make_unique<libp2p::YamuxMuxer>(clock, libp2p::YamuxConfig()));
  for (const std::string& name : config.securities) {
    if (name == "/noise") {
      parts.securities.push_back(std::make_unique<libp2p::noise::NoiseSecurity>(config.key, std::string()));
    } else {
      parts.securities.push_back(std::make_unique<libp2p::tls::TlsSecurity>(config.key, std::vector<std::string>()));
    }
  }
  return std::make_unique<libp2p::HostImpl>(executor, clock, std::move(config), std::move(parts));
}

}  // namespace interop
