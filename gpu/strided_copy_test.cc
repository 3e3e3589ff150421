#include "gpu/strided_copy.h"

#include "gpu/testing/layouts.h"

#include <gtest/gtest.h>

#include <cstring>

namespace kvp2p {
namespace {

using testing::NamedLayout;
using testing::Shape;

constexpr std::uint8_t kPoison = 0xA5;

std::vector<std::uint8_t> random_bytes(std::size_t bytes, std::mt19937& random) {
  std::vector<std::uint8_t> filled(bytes);
  for (auto& b : filled) b = static_cast<std::uint8_t>(random());
  return filled;
}

/// Gathers every slice and compares with the reference; scatters all into a poisoned region and expects every element
/// back in its place and every padding byte untouched.
void expect_round_trip(const NamedLayout& named, std::mt19937& random) {
  SCOPED_TRACE(named.name);
  const LayoutDesc& layout = named.layout;
  ASSERT_TRUE(layout.fits(named.region_bytes));
  const auto source = random_bytes(named.region_bytes, random);
  std::vector<std::uint8_t> target(named.region_bytes, kPoison), expected = target;
  for (std::uint32_t layer = 0; layer < layout.layers.size(); ++layer) {
    const SlicePlan plan = make_slice_plan(layout, layer);
    for (Slot slot = 0; slot < layout.slots(); ++slot) {
      std::vector<std::uint8_t> wire(plan.slice_bytes, kPoison);
      gather_slice(plan, source.data(), slot, wire.data());
      ASSERT_EQ(wire, testing::naive_gather(layout, source.data(), layer, slot))
          << "layer " << layer << " slot " << slot;
      scatter_slice(plan, wire.data(), target.data(), slot);
      const std::size_t element = element_bytes(layout.format.element);
      for (std::uint32_t head = 0; head < layout.format.shard.heads(); ++head) {
        for (std::uint32_t plane = 0; plane < layout.format.planes; ++plane) {
          for (std::uint32_t token = 0; token < kBlockTokens; ++token) {
            for (std::uint32_t dim = 0; dim < layout.format.head_dim; ++dim) {
              const auto at = testing::element_offset(layout, layer, slot, head, plane, token, dim);
              std::memcpy(&expected[at], &source[at], element);
            }
          }
        }
      }
    }
  }
  EXPECT_EQ(target, expected);
}

TEST(StridedCopyTest, EnginesLayoutsMoveEveryElement) {
  std::mt19937 random(2);
  Shape mla;
  mla.planes = 1;
  mla.heads = 1;
  mla.head_dim = 576;
  mla.element = ElementType::kBf16;
  Shape large_blocks;
  large_blocks.engine_block_tokens = 64;
  large_blocks.head_dim = 5;
  for (const Shape& shape : {Shape{}, mla, large_blocks}) {
    for (const auto& named :
         {testing::nhd(shape), testing::hnd(shape), testing::packed(shape), testing::wire_order(shape)}) {
      expect_round_trip(named, random);
    }
  }
}

TEST(StridedCopyTest, RandomStridesMoveEveryElement) {
  std::mt19937 random(3);
  for (int i = 0; i < 60; ++i) expect_round_trip(testing::random_layout(testing::random_shape(random), random), random);
}

TEST(StridedCopyTest, RunsAreAsLongAsBothSidesAllow) {
  const Shape shape;
  const std::size_t row = shape.head_dim * 4;
  EXPECT_EQ(make_slice_plan(testing::nhd(shape).layout, 1).run_bytes, row);
  EXPECT_EQ(make_slice_plan(testing::hnd(shape).layout, 1).run_bytes, row * kBlockTokens);
  EXPECT_EQ(make_slice_plan(testing::packed(shape).layout, 1).run_bytes, row);
  const SlicePlan plain = make_slice_plan(testing::wire_order(shape).layout, 1);
  EXPECT_TRUE(plain.is_plain());
  EXPECT_EQ(plain.run_bytes, testing::format_of(shape).layer_slice_bytes());
}

TEST(StridedCopyTest, LatentOfOneHeadIsPlain) {
  Shape mla;
  mla.planes = 1;
  mla.heads = 1;
  EXPECT_TRUE(make_slice_plan(testing::nhd(mla).layout, 0).is_plain());
}

}  // namespace
}  // namespace kvp2p
