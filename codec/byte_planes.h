// Lossless compression of KV: the bytes of elements sorted into planes, so that exponents, which repeat, stand apart
// from mantissas, which do not; each plane compressed where that makes it smaller. docs/codecs.md has the bytes and the
// figures.
//
// Pure functions; thread-safe, each thread with its own scratch.
#pragma once

#include "base/bytes.h"
#include "kv/element_type.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

namespace kvp2p {

/// What planes are compressed with. The value is the id in front of a plane.
enum class Compressor : std::uint8_t { kZstd = 1, kLz4 = 2 };

/// Most that is compressed at once.
inline constexpr std::size_t kCompressBytesMax = std::size_t{64} << 20;

/// What packing and unpacking need beside their arguments, kept for the next call: as many bytes as the largest `raw`
/// so far, and the compressor's state, about 1.5 MiB. One thread at a time.
class PlaneScratch {
 public:
  PlaneScratch();
  ~PlaneScratch();
  PlaneScratch(const PlaneScratch&) = delete;
  PlaneScratch& operator=(const PlaneScratch&) = delete;

  struct Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

/// Packs `raw`, which may lie in several parts, of whole elements each. How many bytes of `packed` it took; 0 if they
/// do not fit, or raw is empty, too large or not whole elements. REQUIRES: nothing overlaps.
std::size_t pack_planes(std::span<const base::ConstBytes> raw, std::size_t element_bytes, Compressor with,
                        base::MutableBytes packed, PlaneScratch& scratch);

/// The other way, in place: of `bytes`, the first `packed_bytes` are packed, and all of them are to be filled with what
/// was. False if those are anything but what pack_planes() makes of as many bytes; then `bytes` holds anything. Any
/// bytes may come in; nothing is written outside, and no more memory is taken than the scratch says.
bool unpack_planes(base::MutableBytes bytes, std::size_t packed_bytes, std::size_t element_bytes,
                   PlaneScratch& scratch);

/// Nothing if the outcome would not be smaller than `raw`, or raw is not whole elements, empty or too large.
std::optional<base::Bytes> compress_planes(base::ConstBytes raw, ElementType element, Compressor with);

/// Fills `raw`, whose size the caller knows. False if `packed` is anything but what compress_planes() makes of as many
/// bytes.
bool decompress_planes(base::ConstBytes packed, ElementType element, base::MutableBytes raw);

}  // namespace kvp2p
