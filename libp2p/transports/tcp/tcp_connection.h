// What dialling and accepting share.
#pragma once

#include "libp2p/core/transport.h"

#include <boost/asio/ip/tcp.hpp>

namespace libp2p {

inline multiformats::Multiaddr to_multiaddr(const boost::asio::ip::tcp::endpoint& endpoint) {
  return multiformats::Multiaddr::from_ip_tcp(endpoint.address(), endpoint.port());
}

/// Takes over a connected socket. Fails if the other side has gone already.
///
/// Nagle's algorithm is turned off: the layers above gather what belongs together into one write, and answers to small
/// requests must not wait. Socket buffers are left to the kernel, which grows them by bandwidth and delay; but for the
/// send buffer where the round trip is long (send_buffer.h).
base::Result<RawConnection> make_raw_connection(boost::asio::ip::tcp::socket socket);

}  // namespace libp2p
