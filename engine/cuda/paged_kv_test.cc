#include "engine/cuda/paged_kv.h"

#include "engine/paged_kv_cache.h"

#include <gtest/gtest.h>

namespace kvp2p::engine::cuda {
namespace {

/// The processor's cache, as kernels would see it.
struct View {
  View(const KvPages& pages, const BlockTable& table) {
    const auto page_tokens = static_cast<std::uint32_t>(pages.options().page_tokens);
    const std::uint32_t entries_a_page = page_tokens / kTokensPerEntry;
    for (std::uint32_t i = 0; i < table.size() * entries_a_page; ++i) {
      entries.push_back(
          block_entry(i, table[i / entries_a_page], page_tokens, pages.page_stride(), pages.token_stride()));
    }
    kv.blocks = entries.data();
    kv.token_stride = pages.token_stride();
    kv.head_stride = pages.head_stride();
  }

  std::vector<std::uint64_t> entries;
  PagedKv kv;
};

TEST(PagedKv, FindsEveryElementThatThePagesHold) {
  for (KvLayout layout : {KvLayout::kNhd, KvLayout::kHnd}) {
    for (std::size_t page_tokens : {16, 32, 48, 64}) {
      PagedKvCache pages(
          {.layers = 2, .kv_heads = 3, .head_dim = 4, .pages = 20, .page_tokens = page_tokens, .layout = layout});
      const BlockTable between = pages.allocate(page_tokens * 3).value();
      BlockTable table = pages.allocate(page_tokens).value();
      pages.release(between);
      ASSERT_TRUE(pages.extend(table, 250));
      const View view(pages, table);
      const auto* keys = reinterpret_cast<const float*>(pages.region().data()) + pages.base(1, KvPlane::kKeys);
      for (std::uint32_t token = 0; token < 250; ++token) {
        float vectors[12];
        for (std::size_t i = 0; i < 12; ++i) vectors[i] = static_cast<float>(token * 12 + i);
        pages.write(1, KvPlane::kKeys, table, token, vectors);
      }
      for (std::uint32_t token = 0; token < 250; ++token) {
        for (std::uint32_t head = 0; head < 3; ++head) {
          ASSERT_EQ(keys[offset_of(view.kv, token, head)], static_cast<float>(token * 12 + head * 4))
              << "token " << token << " head " << head << " pages of " << page_tokens;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kvp2p::engine::cuda
