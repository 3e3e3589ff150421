// Messages on a stream, each within a time: for protocols that ask and answer a few times.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"

namespace libp2p {

/// read_length_prefixed(), or Error::kTimeout at `deadline`. On a time-out the stream has been reset. The caller keeps
/// stream and clock alive.
base::Task<base::Result<base::Bytes>> read_message_by(Stream& stream, base::Clock& clock, base::TimePoint deadline,
                                                      std::size_t bytes_max);
/// write_length_prefixed() in the same manner.
base::Task<base::Result<>> write_message_by(Stream& stream, base::Clock& clock, base::TimePoint deadline,
                                            base::Bytes message);
/// Closes our direction and waits for the other side to close its own: so what was written arrives, which it might not
/// if the stream were dropped at once. What comes meanwhile is dropped, and the stream is reset at `deadline`.
base::Task<> finish_by(Stream& stream, base::Clock& clock, base::TimePoint deadline);

}  // namespace libp2p
