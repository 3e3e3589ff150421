// A copy of what the copying core does not look at again.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kvp2p {

/// Past the caches where the processor can: the destination's lines are not read first, and nothing is driven out of
/// the caches for them. Pays for what is written once and is far larger than a cache: one of three transfers between
/// cache and memory is saved. The bytes are visible to other threads as after memcpy. REQUIRES: no overlap.
void copy_past_caches(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes);

}  // namespace kvp2p
