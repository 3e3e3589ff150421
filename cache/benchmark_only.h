// What only a benchmark may ask of the cache. No setting of a node reaches it; `make lint` keeps it to bench/.
#pragma once

#include <atomic>

namespace kvp2p::benchmark_only {

/// True: what peers send is taken for what they say it is, its digests unread, in all nodes of this process. For a
/// figure of what checking costs: a node must not run like that.
inline std::atomic<bool> trust_without_digests{false};

}  // namespace kvp2p::benchmark_only
