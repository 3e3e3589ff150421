// A pair of streams joined back to back in memory, for tests of what runs over streams.
#pragma once

#include "libp2p/core/stream.h"

#include <memory>
#include <utility>

namespace libp2p::testing {

struct MemoryPipeOptions {
  /// Bytes that one direction holds before its writer waits.
  std::size_t capacity_bytes = 64 * 1024;
  /// The most that one read returns, to provoke short reads.
  std::size_t read_bytes_max = SIZE_MAX;
  /// Whether read_available() is offered.
  bool offers_read_available = false;
  /// Whether wait_readable() is offered.
  bool offers_wait_readable = true;
};

/// Both ends live on `executor`; each may move to another.
std::pair<std::unique_ptr<Stream>, std::unique_ptr<Stream>> make_memory_pipe(const base::Executor& executor,
                                                                             MemoryPipeOptions options = {});

}  // namespace libp2p::testing
