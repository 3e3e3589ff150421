#include "engine/paged_kv_cache.h"

#include "engine/engine_error.h"

#include <gtest/gtest.h>

#include <numeric>

namespace kvp2p::engine {
namespace {

PagedKvCacheOptions small(KvLayout layout, std::size_t page_tokens = 16) {
  return {.layers = 2, .kv_heads = 3, .head_dim = 4, .pages = 8, .page_tokens = page_tokens, .layout = layout};
}

/// A value that names its place.
float value_at(std::size_t layer, KvPlane plane, std::size_t token, std::size_t head, std::size_t dim) {
  return static_cast<float>((((layer * 2 + static_cast<std::size_t>(plane)) * 100 + token) * 10 + head) * 10 + dim);
}

void fill(PagedKvCache& kv, const BlockTable& table, std::size_t tokens) {
  for (std::size_t layer = 0; layer < 2; ++layer) {
    for (KvPlane plane : {KvPlane::kKeys, KvPlane::kValues}) {
      for (std::size_t token = 0; token < tokens; ++token) {
        float vectors[12];
        for (std::size_t i = 0; i < 12; ++i) vectors[i] = value_at(layer, plane, token, i / 4, i % 4);
        kv.write(layer, plane, table, token, vectors);
      }
    }
  }
}

TEST(PagedKvCache, GathersWhatWasWrittenInEitherLayout) {
  for (KvLayout layout : {KvLayout::kNhd, KvLayout::kHnd}) {
    for (std::size_t page_tokens : {16, 32}) {
      PagedKvCache kv(small(layout, page_tokens));
      const BlockTable between = kv.allocate(1).value();
      BlockTable table = kv.allocate(20).value();
      kv.release(between);
      ASSERT_TRUE(kv.extend(table, 50));
      fill(kv, table, 50);
      for (std::size_t head = 0; head < 3; ++head) {
        std::vector<float> out(50 * 4);
        kv.gather(1, KvPlane::kValues, table, head, 50, out.data());
        for (std::size_t i = 0; i < out.size(); ++i) {
          ASSERT_EQ(out[i], value_at(1, KvPlane::kValues, i / 4, head, i % 4));
        }
      }
    }
  }
}

TEST(PagedKvCache, StridesReachEveryElement) {
  for (KvLayout layout : {KvLayout::kNhd, KvLayout::kHnd}) {
    PagedKvCache kv(small(layout));
    const BlockTable table = kv.allocate(40).value();
    fill(kv, table, 40);
    const auto* start = reinterpret_cast<const float*>(kv.region().data());
    for (std::size_t token = 0; token < 40; ++token) {
      const float* keys = start + kv.base(1, KvPlane::kKeys) + table[token / 16] * kv.page_stride() +
                          token % 16 * kv.token_stride() + 2 * kv.head_stride();
      EXPECT_EQ(*keys, value_at(1, KvPlane::kKeys, token, 2, 0));
    }
  }
}

TEST(PagedKvCache, PagesRunOutAndComeBack) {
  PagedKvCache kv(small(KvLayout::kNhd));
  const BlockTable table = kv.allocate(8 * 16).value();
  EXPECT_EQ(kv.allocate(1).error(), EngineError::kOutOfKvBlocks);
  EXPECT_EQ(kv.free_pages(), 0u);
  kv.release(table);
  EXPECT_EQ(kv.allocate(8 * 16 + 1).error(), EngineError::kOutOfKvBlocks);
  EXPECT_EQ(kv.free_pages(), 8u);
}

TEST(PagedKvCache, FreshPagesAscend) {
  PagedKvCache kv(small(KvLayout::kNhd));
  BlockTable expected(8);
  std::iota(expected.begin(), expected.end(), 0u);
  const BlockTable table = kv.allocate(8 * 16).value();
  EXPECT_EQ(table, expected);
  kv.release(table);
  EXPECT_EQ(kv.allocate(8 * 16).value(), expected);
}

}  // namespace
}  // namespace kvp2p::engine
