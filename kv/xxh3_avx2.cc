// xxhash's own code, compiled for AVX2 (CMakeLists.txt): nothing else may be in here, for what is inline elsewhere too
// would be compiled for it as well.
#define XXH_INLINE_ALL
#define XXH_VECTOR XXH_AVX2
#include <xxhash.h>

namespace kvp2p {

XXH128_hash_t xxh3_128_avx2(const void* data, std::size_t size);
XXH128_hash_t xxh3_128_avx2(const void* data, std::size_t size) { return XXH3_128bits(data, size); }

}  // namespace kvp2p
