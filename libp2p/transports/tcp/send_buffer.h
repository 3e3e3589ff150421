// How much a TCP connection may have under way, on a link with a long round trip.
#pragma once

#include "base/clock.h"

namespace libp2p {

/// The kernel lets a send buffer grow by itself to tcp_wmem's maximum (4 MiB by default) and counts its own overhead in
/// it, so that 2.7 MiB are under way at most: 0.55 of 1 Gbit/s at a round trip of 40 ms. One that is asked for may be
/// twice net.core.wmem_max. From this round trip on that matters: below it, 2.7 MiB are 0.5 GB/s and more.
inline constexpr base::Duration kLongRoundTrip = std::chrono::milliseconds(5);
inline constexpr int kWideSendBufferBytes = 4 << 20;  // the kernel doubles it

/// As the kernel has measured it in the handshake; 0 if it cannot tell. REQUIRES: a connected TCP socket.
base::Duration round_trip_of(int socket);

/// Asks for kWideSendBufferBytes. False, and the kernel goes on growing the buffer, where the system allows no more
/// than that would come to.
bool widen_send_buffer(int socket);

}  // namespace libp2p
