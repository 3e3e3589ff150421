#include "kv/xxh3.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

namespace kvp2p {
namespace {

using Hash = void (*)(const void*, std::size_t, std::uint64_t (&)[2]);

void chosen(const void* data, std::size_t size, std::uint64_t (&low_high)[2]) {
  const XXH128_hash_t hash = xxh3_128(data, size);
  low_high[0] = hash.low64;
  low_high[1] = hash.high64;
}

/// Those that this processor can run.
std::vector<Hash> hashes() {
  std::vector<Hash> all{chosen};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) all.push_back(xxh3_128_avx2);
  if (__builtin_cpu_supports("avx512f")) all.push_back(xxh3_128_avx512);
#endif
  return all;
}

// The sizes go through every one of the algorithm's cases: up to 16, 128 and 240 bytes, one block of 1 KiB and several.
TEST(Xxh3Test, EveryWidthIsTheLibrarysHash) {
  std::vector<std::uint8_t> bytes(70'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
  std::vector<std::size_t> sizes;
  for (std::size_t size = 0; size <= 300; ++size) sizes.push_back(size);
  for (std::size_t size : {1023, 1024, 1025, 4096, 8192, 65'536, 69'999}) sizes.push_back(size);
  for (const Hash hash : hashes()) {
    for (const std::size_t size : sizes) {
      for (const std::size_t offset : {0, 1}) {
        if (offset + size > bytes.size()) continue;
        const XXH128_hash_t expected = XXH3_128bits(bytes.data() + offset, size);
        std::uint64_t got[2];
        hash(bytes.data() + offset, size, got);
        ASSERT_TRUE(got[0] == expected.low64 && got[1] == expected.high64) << size << " bytes from " << offset;
      }
    }
  }
}

}  // namespace
}  // namespace kvp2p
