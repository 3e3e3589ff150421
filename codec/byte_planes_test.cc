#include "codec/byte_planes.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace kvp2p {
namespace {

constexpr ElementType kElements[] = {ElementType::kF32, ElementType::kF16, ElementType::kBf16, ElementType::kF8E4m3};
constexpr Compressor kCompressors[] = {Compressor::kZstd, Compressor::kLz4};

/// Normally distributed numbers: exponents repeat, mantissas do not.
base::Bytes numbers(ElementType element, std::size_t count, std::mt19937& random) {
  std::normal_distribution<float> normal(0, 1);
  base::Bytes bytes(count * element_bytes(element));
  for (std::size_t i = 0; i < count; ++i) {
    const float value = normal(random);
    std::uint32_t bits = 0;
    std::memcpy(&bits, &value, 4);
    const std::uint32_t kept =
        element == ElementType::kF32 ? bits : bits >> (element == ElementType::kF8E4m3 ? 24 : 16);
    std::memcpy(bytes.data() + i * element_bytes(element), &kept, element_bytes(element));
  }
  return bytes;
}

TEST(BytePlanesTest, WhatIsSmallerComesBackAsItWas) {
  std::mt19937 random(1);
  for (const Compressor with : kCompressors) {
    for (const ElementType element : kElements) {
      for (const std::size_t count : {5000u, 8192u, 65536u + 1}) {
        base::Bytes raw = numbers(element, count, random);
        std::fill(raw.begin(), raw.begin() + 4000, 7);  // so that LZ4 finds something, too
        const auto packed = compress_planes(raw, element, with);
        ASSERT_TRUE(packed) << name_of(element) << " " << count;
        EXPECT_LT(packed->size(), raw.size());
        base::Bytes back(raw.size(), 1);
        ASSERT_TRUE(decompress_planes(*packed, element, back));
        EXPECT_EQ(back, raw);
      }
    }
  }
}

TEST(BytePlanesTest, WhatDoesNotShrinkIsLeftAsItIs) {
  std::mt19937 random(2);
  base::Bytes noise(8192);
  for (auto& byte : noise) byte = static_cast<std::uint8_t>(random());
  for (const Compressor with : kCompressors) {
    for (const ElementType element : kElements) {
      EXPECT_FALSE(compress_planes(noise, element, with));
      EXPECT_FALSE(compress_planes({}, element, with));
      EXPECT_FALSE(compress_planes(base::ConstBytes(noise).first(element_bytes(element)), element, with));
    }
    EXPECT_FALSE(compress_planes(base::Bytes(4097, 0), ElementType::kBf16, with)) << "half an element";
  }
}

TEST(BytePlanesTest, BadInputIsRefused) {
  std::mt19937 random(3);
  for (const Compressor with : kCompressors) {
    base::Bytes raw = numbers(ElementType::kBf16, 4096, random);
    std::fill(raw.begin(), raw.begin() + 4000, 7);
    const base::Bytes packed = compress_planes(raw, ElementType::kBf16, with).value();
    const auto refused = [&](const base::Bytes& bytes, std::size_t raw_bytes) {
      base::Bytes back(raw_bytes);
      return !decompress_planes(bytes, ElementType::kBf16, back);
    };
    EXPECT_FALSE(refused(packed, raw.size()));
    EXPECT_TRUE(refused(packed, raw.size() - 2)) << "less than it holds";
    EXPECT_TRUE(refused(packed, raw.size() + 2)) << "more than it holds";
    EXPECT_TRUE(refused(packed, raw.size() - 1)) << "half an element";
    EXPECT_TRUE(refused(packed, 0));
    EXPECT_TRUE(refused({}, raw.size()));
    base::Bytes longer = packed;
    longer.push_back(0);
    EXPECT_TRUE(refused(longer, raw.size())) << "a tail";
    for (std::size_t bytes = 0; bytes < packed.size(); bytes += 97) {
      EXPECT_TRUE(
          refused(base::Bytes(packed.begin(), packed.begin() + static_cast<std::ptrdiff_t>(bytes)), raw.size()));
    }
    base::Bytes kind = packed;
    kind[0] = 9;
    EXPECT_TRUE(refused(kind, raw.size())) << "no such compressor";
    base::Bytes huge = packed;
    std::memset(huge.data() + 1, 0xff, 4);
    EXPECT_TRUE(refused(huge, raw.size())) << "a plane of 4 GiB";
    // Whatever the bytes, nothing is written outside; a sanitizer sees to it.
    for (int i = 0; i < 2000; ++i) {
      base::Bytes torn = packed;
      for (int j = 0; j < 4; ++j) torn[random() % torn.size()] = static_cast<std::uint8_t>(random());
      refused(torn, raw.size());
    }
  }
}

TEST(BytePlanesTest, PartsArePackedAsOne) {
  std::mt19937 random(4);
  PlaneScratch scratch;
  for (const Compressor with : kCompressors) {
    for (const ElementType element : kElements) {
      base::Bytes raw = numbers(element, 6000, random);
      std::fill(raw.begin(), raw.begin() + 4000, 7);
      const std::size_t cut = 1000 * element_bytes(element);
      const base::ConstBytes whole(raw);
      const std::vector<base::ConstBytes> parts = {whole.first(cut), {}, whole.subspan(cut)};
      base::Bytes one(raw.size() - 1), several(raw.size() - 1);
      const std::size_t bytes = pack_planes({&whole, 1}, element_bytes(element), with, one, scratch);
      ASSERT_GT(bytes, 0u);
      EXPECT_EQ(pack_planes(parts, element_bytes(element), with, several, scratch), bytes);
      EXPECT_TRUE(std::equal(one.begin(), one.begin() + static_cast<std::ptrdiff_t>(bytes), several.begin()));
      // In place, where it came.
      base::Bytes place(raw.size());
      std::copy_n(one.begin(), bytes, place.begin());
      ASSERT_TRUE(unpack_planes(place, bytes, element_bytes(element), scratch));
      EXPECT_EQ(place, raw);
      for (const std::size_t less : {std::size_t{0}, std::size_t{4}, std::size_t{5}, bytes / 2, bytes - 1}) {
        EXPECT_EQ(pack_planes(parts, element_bytes(element), with, base::MutableBytes(several).first(less), scratch),
                  0u);
      }
    }
  }
  const base::Bytes half(4001);
  const std::vector<base::ConstBytes> halves = {half, base::ConstBytes(half).first(1)};
  base::Bytes to(5000);
  EXPECT_EQ(pack_planes(halves, 2, Compressor::kZstd, to, scratch), 0u) << "an element in two parts";
  EXPECT_EQ(pack_planes({}, 2, Compressor::kZstd, to, scratch), 0u);
}

TEST(BytePlanesTest, BombsAreRefused) {
  // 32 MiB of zeros in a few kilobytes, said to be one plane of 1 MiB, and of 3 GiB.
  const base::Bytes zeros(std::size_t{32} << 20);
  PlaneScratch scratch;
  for (const Compressor with : kCompressors) {
    base::Bytes bomb(std::size_t{1} << 20);
    const base::ConstBytes raw(zeros);
    const std::size_t bytes = pack_planes({&raw, 1}, 1, with, bomb, scratch);
    ASSERT_GT(bytes, 0u);
    ASSERT_LT(bytes, bomb.size() / 2);
    base::Bytes place = bomb;
    EXPECT_FALSE(unpack_planes(place, bytes, 1, scratch));
    place = bomb;
    EXPECT_FALSE(unpack_planes(place, bytes, 2, scratch)) << "a second plane is missing";
    place = bomb;
    place[4] = 0xc0;
    EXPECT_FALSE(unpack_planes(place, bytes, 1, scratch)) << "its length is a lie";
    place = bomb;
    EXPECT_FALSE(unpack_planes(place, place.size() + 1, 1, scratch)) << "more than came";
  }
}

}  // namespace
}  // namespace kvp2p
