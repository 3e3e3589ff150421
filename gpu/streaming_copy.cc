#include "gpu/streaming_copy.h"

#include <cstring>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

namespace kvp2p {

#if defined(__x86_64__)

namespace {

constexpr std::size_t kLineBytes = 64;

/// One whole line, so that it leaves the core's write-combining buffer at once.
void stream_line(std::uint8_t* to, const std::uint8_t* from) {
  const auto* source = reinterpret_cast<const __m128i*>(from);
  auto* line = reinterpret_cast<__m128i*>(to);
  const __m128i parts[4] = {_mm_loadu_si128(source), _mm_loadu_si128(source + 1), _mm_loadu_si128(source + 2),
                            _mm_loadu_si128(source + 3)};
  for (int i = 0; i < 4; ++i) _mm_stream_si128(line + i, parts[i]);
}

}  // namespace

void copy_past_caches(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) {
  const std::size_t unaligned = -reinterpret_cast<std::uintptr_t>(to) % kLineBytes;
  if (bytes < unaligned + kLineBytes) {
    if (bytes > 0) std::memcpy(to, from, bytes);
    return;
  }
  std::memcpy(to, from, unaligned);
  std::size_t at = unaligned;
  for (; bytes - at >= kLineBytes; at += kLineBytes) stream_line(to + at, from + at);
  std::memcpy(to + at, from + at, bytes - at);
  _mm_sfence();  // such stores are ordered by nothing else
}

#else

void copy_past_caches(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

#endif

}  // namespace kvp2p
