// Unsigned varints (multiformats/unsigned-varint): 7 bits a byte, least significant first, at most 9 bytes, minimal.
// Pure functions.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace multiformats {

inline constexpr std::size_t kUvarintBytesMax = 9;
/// The greatest number that 9 bytes hold.
inline constexpr std::uint64_t kUvarintMax = (std::uint64_t{1} << 63) - 1;

struct Uvarint {
  std::uint64_t value = 0;
  std::size_t size = 0;  ///< bytes that it took
};

/// Bytes that `value` takes. REQUIRES: value <= kUvarintMax.
std::size_t uvarint_size(std::uint64_t value);

/// REQUIRES: value <= kUvarintMax.
void append_uvarint(base::Bytes& to, std::uint64_t value);

/// Reads the varint that `bytes` begins with. Errc::kIncomplete if it goes on beyond `bytes` (an empty span included):
/// at most kUvarintBytesMax bytes settle it. kVarintTooLong and kVarintNotMinimal are final.
base::Result<Uvarint> read_uvarint(base::ConstBytes bytes);

}  // namespace multiformats
