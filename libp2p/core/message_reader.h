// Reads messages off a peer's stream, each with its length before it.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"

#include <optional>

namespace libp2p {

/// For a message to come in whole, from its first byte on; how long a peer can make us hold a part of one.
inline constexpr base::Duration kMessageTimeout = std::chrono::seconds(10);

/// The next message, without its length; nothing at the end of the stream. Waits for its first byte for ever.
/// Error::kMessageTooLong before anything is allocated; kTimeout, after which the stream has been reset. What is held
/// grows with what has come, not with what has been announced.
base::Task<base::Result<std::optional<base::Bytes>>> read_message(Stream& stream, base::Clock& clock,
                                                                  std::size_t bytes_max);

}  // namespace libp2p
