// Where a prompt is cut for prefill.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kvp2p::engine {

/// Ends of the chunks of positions [begin, end), ascending; the last is `end`. Cuts are at the multiples of `chunk` and
/// at those of `extra` that lie inside: so a run that begins at a fetched prefix, and one that computes all with that
/// length as an extra cut, have the same chunks after it. REQUIRES: begin < end, chunk > 0.
std::vector<std::size_t> chunk_ends(std::size_t begin, std::size_t end, std::size_t chunk,
                                    std::span<const std::size_t> extra);

}  // namespace kvp2p::engine
