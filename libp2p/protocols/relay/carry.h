// Carries bytes between the two streams of a circuit.
#pragma once

#include "base/clock.h"
#include "libp2p/core/stream.h"
#include "libp2p/protocols/relay/relay_message.h"

#include <memory>
#include <stop_token>

namespace libp2p::relay {

/// What one direction of a circuit holds at most, while it carries.
inline constexpr std::size_t kCarryBytes = 32 * 1024;

/// Bytes carried, both ways together.
struct Carried {
  std::uint64_t bytes = 0;
};

/// Returns when both directions have ended, each with the end of stream of its source. When either stream fails, more
/// than `limit` allows has come, its time is over, or a stop is requested, both are reset. `clock` outlives the task.
base::Task<Carried> carry(base::Executor executor, base::Clock& clock, std::unique_ptr<Stream> one,
                          std::unique_ptr<Stream> other, Limit limit, std::stop_token stop);

}  // namespace libp2p::relay
