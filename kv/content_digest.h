// Digests of a block's content: a leaf per (layer, KV head) and a root over the leaves. They catch accidents, not
// forgery.
#pragma once

#include "base/bytes.h"
#include "kv/object_format.h"

#include <array>
#include <compare>
#include <span>
#include <vector>

namespace kvp2p {

/// XXH3-128, canonical (big-endian) byte order.
struct ContentDigest {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const ContentDigest&) const = default;
};

/// Leaves of whole head slices that lie one after the other in wire order, one a `head_slice_bytes`.
/// REQUIRES: slices.size() is a multiple of head_slice_bytes; leaves.size() is that multiple.
void compute_leaves(base::ConstBytes slices, std::size_t head_slice_bytes, std::span<ContentDigest> leaves);

/// True if every leaf fits its slice; stops at the first that does not.
bool leaves_match(base::ConstBytes slices, std::size_t head_slice_bytes, std::span<const ContentDigest> leaves);

/// Root over all leaves of a block, in wire order (layer, then head).
ContentDigest root_of(std::span<const ContentDigest> leaves);

}  // namespace kvp2p
