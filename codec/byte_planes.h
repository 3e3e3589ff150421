// Lossless compression of KV: the bytes of elements sorted into planes, so that exponents, which repeat, stand apart
// from mantissas, which do not; each plane compressed where that makes it smaller. docs/codecs.md has the bytes and the
// figures.
//
// Pure functions; thread-safe.
#pragma once

#include "base/bytes.h"
#include "kv/element_type.h"

#include <cstddef>
#include <optional>

namespace kvp2p {

/// What planes are compressed with. The value is the id in front of a plane.
enum class Compressor : std::uint8_t { kZstd = 1, kLz4 = 2 };

/// Most that is compressed at once.
inline constexpr std::size_t kCompressBytesMax = std::size_t{64} << 20;

/// Nothing if the outcome would not be smaller than `raw`, or raw is not whole elements, empty or too large.
std::optional<base::Bytes> compress_planes(base::ConstBytes raw, ElementType element, Compressor with);

/// Fills `raw`, whose size the caller knows. False if `packed` is anything but what compress_planes() makes of as many
/// bytes; then `raw` holds anything. Any bytes may come in; nothing is written outside `raw`, and no more memory is
/// taken than twice its size.
bool decompress_planes(base::ConstBytes packed, ElementType element, base::MutableBytes raw);

}  // namespace kvp2p
