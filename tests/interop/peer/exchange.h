// Sending and receiving on streams of the tests' protocols: what their clients and servers share.
#pragma once

#include "libp2p/core/stream.h"

#include <cstdint>
#include <memory>

namespace interop {

inline constexpr std::size_t kChunkBytes = 64 * 1024;

/// What came in on a stream, up to its end.
struct Received {
  std::uint64_t bytes = 0;
  base::Bytes digest;
  /// The first 32 bytes, to read a short answer by.
  base::Bytes head;
};

/// What came of sending `bytes` random bytes while reading the answer to its end.
struct Exchange {
  base::Bytes sent_digest;
  Received received;
};

// Streams given by reference are kept by the caller.

base::Task<base::Result<Received>> read_to_end(libp2p::Stream& stream);
/// Writes random bytes and closes our direction; their digest.
base::Task<base::Result<base::Bytes>> write_random(libp2p::Stream& stream, std::uint64_t bytes);
/// Writes zeros and closes our direction.
base::Task<base::Result<>> write_zeros(libp2p::Stream& stream, std::uint64_t bytes);
base::Task<base::Result<Exchange>> exchange_random(std::unique_ptr<libp2p::Stream> stream, std::uint64_t bytes);

}  // namespace interop
