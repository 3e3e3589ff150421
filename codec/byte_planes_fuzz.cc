// decompress_planes() on any bytes; and what compresses comes back.
#include "codec/byte_planes.h"

#include <algorithm>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kvp2p;
  if (size < 3) return 0;
  const ElementType element = static_cast<ElementType>(1 + data[0] % 4);
  const std::size_t raw_bytes = (data[1] * std::size_t{16}) / 4 * 4;
  const base::ConstBytes bytes(data + 3, size - 3);
  base::Bytes raw(raw_bytes);
  decompress_planes(bytes, element, raw);

  // In place, as much of the room as came.
  PlaneScratch scratch;
  base::Bytes place(std::max<std::size_t>(raw_bytes, 4));
  const std::size_t packed_bytes = std::min(bytes.size(), place.size());
  std::copy_n(bytes.begin(), packed_bytes, place.begin());
  unpack_planes(place, packed_bytes, element_bytes(element), scratch);

  const auto with = data[2] % 2 == 0 ? Compressor::kZstd : Compressor::kLz4;
  if (const auto packed = compress_planes(bytes, element, with)) {
    base::Bytes back(bytes.size());
    if (!decompress_planes(*packed, element, back) || !std::equal(back.begin(), back.end(), bytes.begin()))
      std::abort();
  }
  return 0;
}
