#include "codec/byte_planes.h"

#include <lz4.h>
#include <zstd.h>

#include <cstring>
#include <vector>

namespace kvp2p {

namespace {

constexpr int kZstdLevel = 1;
/// Kind and length in front of each plane.
constexpr std::size_t kPlaneHeaderBytes = 5;
constexpr std::uint8_t kStored = 0;

/// Turned left by one bit, the exponent fills a bfloat16's or float's highest byte and the sign is the lowest bit.
template <class Word>
Word turn_left(Word word) {
  return static_cast<Word>(word << 1 | word >> (8 * sizeof(Word) - 1));
}
template <class Word>
Word turn_right(Word word) {
  return static_cast<Word>(word >> 1 | word << (8 * sizeof(Word) - 1));
}

template <class Word>
void split(base::ConstBytes raw, std::uint8_t* planes) {
  const std::size_t count = raw.size() / sizeof(Word);
  for (std::size_t i = 0; i < count; ++i) {
    Word word = 0;
    std::memcpy(&word, raw.data() + i * sizeof(Word), sizeof(Word));
    if constexpr (sizeof(Word) > 1) word = turn_left(word);
    for (std::size_t plane = 0; plane < sizeof(Word); ++plane) {
      planes[plane * count + i] = static_cast<std::uint8_t>(word >> (8 * plane));
    }
  }
}

template <class Word>
void join(const std::uint8_t* planes, base::MutableBytes raw) {
  const std::size_t count = raw.size() / sizeof(Word);
  for (std::size_t i = 0; i < count; ++i) {
    Word word = 0;
    for (std::size_t plane = 0; plane < sizeof(Word); ++plane) {
      word = static_cast<Word>(word | static_cast<Word>(planes[plane * count + i]) << (8 * plane));
    }
    if constexpr (sizeof(Word) > 1) word = turn_right(word);
    std::memcpy(raw.data() + i * sizeof(Word), &word, sizeof(Word));
  }
}

/// Bytes written to `to`; 0 if they would be `room` or more.
std::size_t compress(Compressor with, base::ConstBytes plane, std::uint8_t* to, std::size_t room) {
  if (with == Compressor::kZstd) {
    const std::size_t bytes = ZSTD_compress(to, room, plane.data(), plane.size(), kZstdLevel);
    return ZSTD_isError(bytes) ? 0 : bytes;
  }
  const int bytes = LZ4_compress_default(reinterpret_cast<const char*>(plane.data()), reinterpret_cast<char*>(to),
                                         static_cast<int>(plane.size()), static_cast<int>(room));
  return bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
}

bool decompress(std::uint8_t kind, base::ConstBytes packed, base::MutableBytes plane) {
  switch (kind) {
    case kStored:
      if (packed.size() != plane.size()) return false;
      std::memcpy(plane.data(), packed.data(), packed.size());
      return true;
    case static_cast<std::uint8_t>(Compressor::kZstd): {
      const std::size_t bytes = ZSTD_decompress(plane.data(), plane.size(), packed.data(), packed.size());
      return !ZSTD_isError(bytes) && bytes == plane.size();
    }
    case static_cast<std::uint8_t>(Compressor::kLz4): {
      const int bytes =
          LZ4_decompress_safe(reinterpret_cast<const char*>(packed.data()), reinterpret_cast<char*>(plane.data()),
                              static_cast<int>(packed.size()), static_cast<int>(plane.size()));
      return bytes >= 0 && static_cast<std::size_t>(bytes) == plane.size();
    }
    default:
      return false;
  }
}

bool is_whole(std::size_t bytes, ElementType element) {
  return bytes > 0 && bytes <= kCompressBytesMax && bytes % element_bytes(element) == 0;
}

}  // namespace

std::optional<base::Bytes> compress_planes(base::ConstBytes raw, ElementType element, Compressor with) {
  if (!is_whole(raw.size(), element)) return std::nullopt;
  const std::size_t planes = element_bytes(element), plane_bytes = raw.size() / planes;
  base::Bytes sorted(raw.size());
  if (planes == 4) split<std::uint32_t>(raw, sorted.data());
  if (planes == 2) split<std::uint16_t>(raw, sorted.data());
  if (planes == 1) split<std::uint8_t>(raw, sorted.data());
  base::Bytes packed(raw.size() + planes * kPlaneHeaderBytes);
  std::size_t used = 0;
  for (std::size_t i = 0; i < planes; ++i) {
    const base::ConstBytes plane(sorted.data() + i * plane_bytes, plane_bytes);
    std::uint8_t* const header = packed.data() + used;
    std::size_t bytes = compress(with, plane, header + kPlaneHeaderBytes, plane_bytes);
    header[0] = bytes == 0 ? kStored : static_cast<std::uint8_t>(with);
    if (bytes == 0) {
      bytes = plane_bytes;
      std::memcpy(header + kPlaneHeaderBytes, plane.data(), plane_bytes);
    }
    for (int b = 0; b < 4; ++b) header[1 + b] = static_cast<std::uint8_t>(bytes >> (8 * b));
    used += kPlaneHeaderBytes + bytes;
  }
  if (used >= raw.size()) return std::nullopt;
  packed.resize(used);
  return packed;
}

bool decompress_planes(base::ConstBytes packed, ElementType element, base::MutableBytes raw) {
  if (!is_whole(raw.size(), element)) return false;
  const std::size_t planes = element_bytes(element), plane_bytes = raw.size() / planes;
  base::Bytes sorted(raw.size());
  for (std::size_t i = 0; i < planes; ++i) {
    if (packed.size() < kPlaneHeaderBytes) return false;
    const std::uint8_t kind = packed[0];
    std::size_t bytes = 0;
    for (int b = 0; b < 4; ++b) bytes |= std::size_t{packed[1 + b]} << (8 * b);
    packed = packed.subspan(kPlaneHeaderBytes);
    if (bytes > packed.size() || bytes > plane_bytes) return false;
    if (!decompress(kind, packed.first(bytes), {sorted.data() + i * plane_bytes, plane_bytes})) return false;
    packed = packed.subspan(bytes);
  }
  if (!packed.empty()) return false;
  if (planes == 4) join<std::uint32_t>(sorted.data(), raw);
  if (planes == 2) join<std::uint16_t>(sorted.data(), raw);
  if (planes == 1) join<std::uint8_t>(sorted.data(), raw);
  return true;
}

}  // namespace kvp2p
