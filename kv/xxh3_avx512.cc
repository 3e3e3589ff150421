// xxhash's own code, compiled for AVX512 (CMakeLists.txt): nothing else may be in here, for what is inline elsewhere
// too would be compiled for it as well.
#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_AVX512
#include <xxhash.h>

#include <cstdint>

namespace kvp2p {

void xxh3_128_avx512(const void* data, std::size_t size, std::uint64_t (&low_high)[2]);
void xxh3_128_avx512(const void* data, std::size_t size, std::uint64_t (&low_high)[2]) {
  const auto hash = XXH3_128bits(data, size);
  low_high[0] = hash.low64;
  low_high[1] = hash.high64;
}

}  // namespace kvp2p
