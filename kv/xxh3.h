// XXH3-128 with the widest vectors that the processor has. Debian's library is compiled for the least of them (SSE2), a
// third of what AVX-512 hashes in cache.
#pragma once

#include <xxhash.h>

#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// The same hash as XXH3_128bits(), for any processor. Thread-safe.
XXH128_hash_t xxh3_128(const void* data, std::size_t size);

#if defined(__x86_64__)
// REQUIRES: the processor has those instructions.
// In numbers: xxhash's own type has another name where its code is inline, which those are compiled of.
void xxh3_128_avx2(const void* data, std::size_t size, std::uint64_t (&low_high)[2]);
void xxh3_128_avx512(const void* data, std::size_t size, std::uint64_t (&low_high)[2]);
#endif

}  // namespace kvp2p
