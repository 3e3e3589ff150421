#include "codec/byte_planes.h"

#include <lz4.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace kvp2p {

struct PlaneScratch::Impl {
  // Not cleared when they grow: they are overwritten before they are read.
  std::unique_ptr<std::uint8_t[]> sorted;
  std::size_t sorted_bytes = 0;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> compressor{nullptr, ZSTD_freeCCtx};
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> decompressor{nullptr, ZSTD_freeDCtx};

  std::uint8_t* room_for(std::size_t bytes) {
    if (bytes > sorted_bytes) {
      sorted.reset(new std::uint8_t[bytes]);
      sorted_bytes = bytes;
    }
    return sorted.get();
  }
};

PlaneScratch::PlaneScratch() : impl_(std::make_unique<Impl>()) {}
PlaneScratch::~PlaneScratch() = default;

namespace {

/// The fastest strategy, and hardly any search: what is left in a plane is the frequency of bytes, not repetition. Long
/// matches alone are worth what they cost Huffman's code; measured in docs/codecs.md.
constexpr int kZstdLevel = 1;
constexpr int kZstdMatchBytesMin = 7;
constexpr int kZstdHashBits = 6;

ZSTD_CCtx* create_compressor() {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kZstdLevel);
  ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, kZstdMatchBytesMin);
  ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, kZstdHashBits);
  return context;
}

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

/// Plane i begins at planes + i * stride.
template <class Word>
void split(base::ConstBytes raw, std::uint8_t* planes, std::size_t stride) {
  const std::size_t count = raw.size() / sizeof(Word);
  for (std::size_t i = 0; i < count; ++i) {
    Word word = 0;
    std::memcpy(&word, raw.data() + i * sizeof(Word), sizeof(Word));
    word = turn_left(word);
    for (std::size_t plane = 0; plane < sizeof(Word); ++plane) {
      planes[plane * stride + i] = static_cast<std::uint8_t>(word >> (8 * plane));
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
    word = turn_right(word);
    std::memcpy(raw.data() + i * sizeof(Word), &word, sizeof(Word));
  }
}

/// Bytes written to `to`; 0 if there is no room for them, or for fewer than the plane has.
std::size_t compress(PlaneScratch::Impl& scratch, Compressor with, base::ConstBytes plane, base::MutableBytes to) {
  const std::size_t room = std::min(to.size(), plane.size() - 1);
  if (with == Compressor::kZstd) {
    if (!scratch.compressor) scratch.compressor.reset(create_compressor());
    const std::size_t bytes = ZSTD_compress2(scratch.compressor.get(), to.data(), room, plane.data(), plane.size());
    return ZSTD_isError(bytes) ? 0 : bytes;
  }
  const int bytes =
      LZ4_compress_default(reinterpret_cast<const char*>(plane.data()), reinterpret_cast<char*>(to.data()),
                           static_cast<int>(plane.size()), static_cast<int>(room));
  return bytes < 0 ? 0 : static_cast<std::size_t>(bytes);
}

bool decompress(PlaneScratch::Impl& scratch, std::uint8_t kind, base::ConstBytes packed, base::MutableBytes plane) {
  switch (kind) {
    case kStored:
      if (packed.size() != plane.size()) return false;
      std::memcpy(plane.data(), packed.data(), packed.size());
      return true;
    case static_cast<std::uint8_t>(Compressor::kZstd): {
      if (!scratch.decompressor) scratch.decompressor.reset(ZSTD_createDCtx());
      const std::size_t bytes =
          ZSTD_decompressDCtx(scratch.decompressor.get(), plane.data(), plane.size(), packed.data(), packed.size());
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

bool is_whole(std::size_t bytes, std::size_t element_bytes) {
  return bytes > 0 && bytes <= kCompressBytesMax && bytes % element_bytes == 0;
}

/// The planes of all parts, each plane whole. Nothing: raw cannot be packed.
std::span<const std::uint8_t> sort(std::span<const base::ConstBytes> raw, std::size_t planes,
                                   PlaneScratch::Impl& scratch) {
  std::size_t bytes = 0;
  for (const auto& part : raw) {
    if (part.size() > kCompressBytesMax || part.size() % planes != 0) return {};
    bytes += part.size();
    if (bytes > kCompressBytesMax) return {};
  }
  if (bytes == 0 || (planes == 1 && raw.size() == 1)) return bytes == 0 ? base::ConstBytes() : raw.front();
  std::uint8_t* to = scratch.room_for(bytes);
  std::size_t done = 0;  // elements
  for (const auto& part : raw) {
    if (planes == 4) split<std::uint32_t>(part, to + done, bytes / 4);
    if (planes == 2) split<std::uint16_t>(part, to + done, bytes / 2);
    if (planes == 1) std::copy(part.begin(), part.end(), to + done);
    done += part.size() / planes;
  }
  return {to, bytes};
}

}  // namespace

std::size_t pack_planes(std::span<const base::ConstBytes> raw, std::size_t element_bytes, Compressor with,
                        base::MutableBytes packed, PlaneScratch& scratch) {
  const std::size_t planes = element_bytes;
  const base::ConstBytes sorted = sort(raw, planes, scratch.impl());
  std::size_t used = 0;
  for (std::size_t i = 0; i < planes && !sorted.empty(); ++i) {
    const base::ConstBytes plane = sorted.subspan(i * (sorted.size() / planes), sorted.size() / planes);
    if (packed.size() - used < kPlaneHeaderBytes) return 0;
    const base::MutableBytes header = packed.subspan(used, kPlaneHeaderBytes);
    const base::MutableBytes room = packed.subspan(used + kPlaneHeaderBytes);
    std::size_t bytes = compress(scratch.impl(), with, plane, room);
    header[0] = bytes == 0 ? kStored : static_cast<std::uint8_t>(with);
    if (bytes == 0) {
      bytes = plane.size();
      if (bytes > room.size()) return 0;
      std::copy(plane.begin(), plane.end(), room.begin());
    }
    for (int b = 0; b < 4; ++b) header[1 + b] = static_cast<std::uint8_t>(bytes >> (8 * b));
    used += kPlaneHeaderBytes + bytes;
  }
  return used;
}

bool unpack_planes(base::MutableBytes bytes, std::size_t packed_bytes, std::size_t element_bytes,
                   PlaneScratch& scratch) {
  if (!is_whole(bytes.size(), element_bytes) || packed_bytes > bytes.size()) return false;
  const std::size_t planes = element_bytes, plane_bytes = bytes.size() / planes;
  std::uint8_t* sorted = scratch.impl().room_for(bytes.size());
  base::ConstBytes packed = bytes.first(packed_bytes);
  for (std::size_t i = 0; i < planes; ++i) {
    if (packed.size() < kPlaneHeaderBytes) return false;
    const std::uint8_t kind = packed[0];
    std::size_t size = 0;
    for (int b = 0; b < 4; ++b) size |= std::size_t{packed[1 + b]} << (8 * b);
    packed = packed.subspan(kPlaneHeaderBytes);
    if (size > packed.size() || size > plane_bytes) return false;
    const base::MutableBytes plane(sorted + i * plane_bytes, plane_bytes);
    if (!decompress(scratch.impl(), kind, packed.first(size), plane)) return false;
    packed = packed.subspan(size);
  }
  if (!packed.empty()) return false;
  // Nothing of what was packed is needed any more.
  if (planes == 4) join<std::uint32_t>(sorted, bytes);
  if (planes == 2) join<std::uint16_t>(sorted, bytes);
  if (planes == 1) std::copy_n(sorted, bytes.size(), bytes.begin());
  return true;
}

std::optional<base::Bytes> compress_planes(base::ConstBytes raw, ElementType element, Compressor with) {
  if (!is_whole(raw.size(), element_bytes(element))) return std::nullopt;
  PlaneScratch scratch;
  base::Bytes packed(raw.size() - 1);
  packed.resize(pack_planes({&raw, 1}, element_bytes(element), with, packed, scratch));
  if (packed.empty()) return std::nullopt;
  return packed;
}

bool decompress_planes(base::ConstBytes packed, ElementType element, base::MutableBytes raw) {
  if (packed.size() > raw.size()) return false;
  std::copy(packed.begin(), packed.end(), raw.begin());
  PlaneScratch scratch;
  return unpack_planes(raw, packed.size(), element_bytes(element), scratch);
}

}  // namespace kvp2p
