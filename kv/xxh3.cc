#include "kv/xxh3.h"

namespace kvp2p {

namespace {

using Hash = XXH128_hash_t (*)(const void*, std::size_t);

XXH128_hash_t by_the_library(const void* data, std::size_t size) { return XXH3_128bits(data, size); }

Hash widest() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return xxh3_128_avx512;
  if (__builtin_cpu_supports("avx2")) return xxh3_128_avx2;
#endif
  return by_the_library;
}

}  // namespace

XXH128_hash_t xxh3_128(const void* data, std::size_t size) {
  static const Hash hash = widest();
  return hash(data, size);
}

}  // namespace kvp2p
