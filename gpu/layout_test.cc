#include "gpu/layout.h"

#include "gpu/testing/layouts.h"

#include <gtest/gtest.h>

#include <limits>

namespace kvp2p {
namespace {

using testing::Shape;

TEST(LayoutTest, EnginesLayoutsFitExactlyTheirBytes) {
  for (const auto& named : {testing::nhd({}), testing::hnd({}), testing::packed({}), testing::wire_order({})}) {
    EXPECT_TRUE(named.layout.fits(named.region_bytes)) << named.name;
    EXPECT_FALSE(named.layout.fits(named.region_bytes - 1)) << named.name;
    EXPECT_FALSE(named.layout.fits(0)) << named.name;
  }
}

TEST(LayoutTest, RandomLayoutsFit) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const auto named = testing::random_layout(testing::random_shape(random), random);
    EXPECT_TRUE(named.layout.fits(named.region_bytes)) << named.name;
  }
}

TEST(LayoutTest, SlotsOfLargerEngineBlocks) {
  Shape shape;
  shape.engine_block_tokens = 64;
  shape.engine_blocks = 5;
  EXPECT_EQ(testing::nhd(shape).layout.slots(), 20u);
}

TEST(LayoutTest, OverflowingFieldsAreRefused) {
  const auto good = testing::nhd({});
  const std::size_t huge = std::numeric_limits<std::size_t>::max();
  const auto refused = [&](auto change) {
    LayoutDesc layout = good.layout;
    change(layout);
    return !layout.fits(good.region_bytes) && !layout.fits(huge);
  };
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.block_stride = huge; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.token_stride = huge / 2; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.head_stride = huge - 7; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.layers[1].v = huge; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.engine_block_tokens = 0; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.engine_block_tokens = 24; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.engine_blocks = 0; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) {
    l.engine_blocks = 1u << 31;
    l.engine_block_tokens = 64;
  }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.layers.pop_back(); }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.format.head_dim = 0; }));
  EXPECT_TRUE(refused([&](LayoutDesc& l) { l.format.shard.head_end = 1u << 30; }));
}

TEST(LayoutTest, OverlappingStridesAreRefused) {
  const auto good = testing::nhd({});
  const auto refused = [&](auto change) {
    LayoutDesc layout = good.layout;
    change(layout);
    return !layout.fits(good.region_bytes);
  };
  EXPECT_TRUE(refused([](LayoutDesc& l) { l.token_stride = 0; }));
  EXPECT_TRUE(refused([](LayoutDesc& l) { l.head_stride = 4; }));
  EXPECT_TRUE(refused([](LayoutDesc& l) { l.layers[0].v = l.layers[0].k; }));
  EXPECT_TRUE(refused([](LayoutDesc& l) { l.layers[0].v = l.layers[0].k + 4; }));
  EXPECT_TRUE(refused([](LayoutDesc& l) { l.block_stride = l.token_stride; }));
}

}  // namespace
}  // namespace kvp2p
