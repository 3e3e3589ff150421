#include "kv/xxh3.h"

namespace kvp2p {

namespace {

using Hash = void (*)(const void*, std::size_t, std::uint64_t (&)[2]);

void by_the_library(const void* data, std::size_t size, std::uint64_t (&low_high)[2]) {
  const XXH128_hash_t hash = XXH3_128bits(data, size);
  low_high[0] = hash.low64;
  low_high[1] = hash.high64;
}

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
  std::uint64_t low_high[2];
  hash(data, size, low_high);
  return {low_high[0], low_high[1]};
}

}  // namespace kvp2p
