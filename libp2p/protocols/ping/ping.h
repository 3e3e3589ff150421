// Ping: 32 bytes, echoed, as often as the dialler likes (libp2p/specs ping/ping.md).
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"

#include <memory>
#include <string_view>

namespace libp2p {

inline constexpr std::string_view kPingProtocol = "/ipfs/ping/1.0.0";
inline constexpr std::size_t kPingBytes = 32;
/// A ping stream on which nothing is asked for this long is ended. rust-libp2p keeps one open and pings every 15 s.
inline constexpr base::Duration kPingIdleTimeout = std::chrono::seconds(60);
/// Inbound ping streams that one connection may hold open.
inline constexpr std::size_t kPingStreamsPerConnectionMax = 2;

/// Echoes until the other side closes, breaks off or falls silent. `clock` outlives the task.
base::Task<> serve_ping(base::Clock& clock, std::unique_ptr<Stream> stream);

/// One round trip on a stream that has agreed on kPingProtocol; may be called again for the next one. Other bytes in
/// the answer are Error::kProtocolViolation; no answer in `timeout` is Error::kTimeout, and the stream is reset.
base::Task<base::Result<base::Duration>> ping_round_trip(base::Clock& clock, Stream& stream, base::Duration timeout);

}  // namespace libp2p
