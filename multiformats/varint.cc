#include "multiformats/varint.h"

#include "multiformats/errors.h"

#include <cassert>

namespace multiformats {

std::size_t uvarint_size(std::uint64_t value) {
  std::size_t size = 1;
  while (value >>= 7) ++size;
  return size;
}

void append_uvarint(base::Bytes& to, std::uint64_t value) {
  assert(value <= kUvarintMax);
  while (value >= 0x80) {
    to.push_back(static_cast<std::uint8_t>(value | 0x80));
    value >>= 7;
  }
  to.push_back(static_cast<std::uint8_t>(value));
}

base::Result<Uvarint> read_uvarint(base::ConstBytes bytes) {
  Uvarint result;
  for (; result.size < kUvarintBytesMax; ++result.size) {
    if (result.size == bytes.size()) return Errc::kIncomplete;
    const std::uint8_t byte = bytes[result.size];
    result.value |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * result.size);
    if (byte & 0x80) continue;
    if (byte == 0 && result.size > 0) return Errc::kVarintNotMinimal;
    ++result.size;
    return result;
  }
  return Errc::kVarintTooLong;
}

}  // namespace multiformats
