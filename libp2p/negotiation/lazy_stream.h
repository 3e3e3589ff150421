// Opening a stream without waiting for the answer to its proposal, as go-libp2p does for protocols that identify named.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"

#include <memory>
#include <string>

namespace libp2p {

/// `stream`, as one that has agreed on `protocol`, for a dialler that knows that the other side serves it. Header and
/// proposal leave with the first bytes written, or alone before the first read or the end of our direction; the answer
/// is read before the first bytes are. So a stream is set up in no round trip of its own.
///
/// The first read fails with Error::kProtocolNotSupported if the other side does not serve the protocol after all, with
/// Error::kTimeout if no answer comes within `timeout` of its beginning; the stream has then been reset. `clock`
/// outlives the stream. REQUIRES: is_multistream_protocol(protocol).
std::unique_ptr<Stream> negotiate_lazily(std::unique_ptr<Stream> stream, std::string protocol, base::Clock& clock,
                                         base::Duration timeout);

}  // namespace libp2p
