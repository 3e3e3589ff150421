// The C ABI where there is no GPU: every call answers with a status. With a GPU these say nothing and are skipped.
#include "gpu/cuda/kvcache.h"

#include <gtest/gtest.h>
#include <vector>

extern "C" int kvc_usable_from_c(void);

namespace {

bool has_gpu() {
  int count = 0;
  return kvc_device_count(&count) == KVC_OK;
}

TEST(KvcacheWithoutGpu, HeaderIsUsableFromC) { EXPECT_EQ(kvc_usable_from_c(), 1); }

TEST(KvcacheWithoutGpu, EveryCallSaysSo) {
  if (has_gpu()) GTEST_SKIP() << "this machine has a GPU: kvcache_gpu_test tells more";
  int count = 7;
  EXPECT_EQ(kvc_device_count(&count), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(count, 0);
  EXPECT_STRNE(kvc_last_error(), "");
  kvc_device_info info;
  EXPECT_EQ(kvc_get_device_info(0, &info), KVC_ERROR_NO_DRIVER);
  kvc_link link;
  EXPECT_EQ(kvc_get_link(0, 1, &link), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_enable_peer(0, 1), KVC_ERROR_NO_DRIVER);
  void* start = &count;
  EXPECT_EQ(kvc_device_alloc(0, 1, &start), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(start, nullptr);
  EXPECT_EQ(kvc_pinned_alloc(1, &start), KVC_ERROR_NO_DRIVER);
  alignas(4096) static std::uint8_t page[4096];
  EXPECT_EQ(kvc_pin(page, sizeof page), KVC_ERROR_NO_DRIVER);
  EXPECT_NE(kvc_unpin(page), KVC_OK);
  EXPECT_NE(kvc_pinned_free(page), KVC_OK);
  EXPECT_NE(kvc_device_free(0, page), KVC_OK);
  kvc_pinned_pool* pool = nullptr;
  EXPECT_EQ(kvc_pinned_pool_create(4096, 4, &pool), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(pool, nullptr);
  kvc_pinned_pool_destroy(nullptr);
  kvc_stream stream = nullptr;
  EXPECT_EQ(kvc_stream_create(0, &stream), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_stream_synchronize(nullptr), KVC_ERROR_NO_DRIVER);
  kvc_event event = nullptr;
  EXPECT_EQ(kvc_event_create(0, 0, &event), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_event_record(nullptr, nullptr), KVC_ERROR_ARGUMENT);
  EXPECT_EQ(kvc_copy(page, page + 64, 64, nullptr), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_copy_peer(page, 0, page + 64, 1, 64, nullptr), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_convert(0, KVC_F32, page, KVC_F16, page + 64, 4, 1, nullptr), KVC_ERROR_NO_DRIVER);
  kvc_export exported = {};
  EXPECT_EQ(kvc_export_memory(page, 64, &exported), KVC_ERROR_NO_DRIVER);
  kvc_export_free(&exported);
}

TEST(KvcacheWithoutGpu, RegionsAndCachesOfGoodShapeSaySoToo) {
  if (has_gpu()) GTEST_SKIP() << "this machine has a GPU: kvcache_gpu_test tells more";
  std::vector<std::uint8_t> memory(4096);
  kvc_slice_plan plan = {};
  for (kvc_loop& loop : plan.loops) loop = {1, 0};
  plan.run_bytes = plan.slice_bytes = plan.block_stride = 64;
  plan.slots_per_block = 1;
  kvc_region* region = nullptr;
  EXPECT_EQ(kvc_region_create(0, memory.data(), 4096, &plan, 1, 64, &region), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_region_create(0, memory.data(), 4096, &plan, 1, 65, &region), KVC_ERROR_ARGUMENT);
  const std::uint32_t table = 0;
  const kvc_paged_cache cache = {memory.data(), memory.data() + 2048, 64, 4, 4, 16, 1, 4, &table, 1};
  EXPECT_EQ(kvc_append(0, &cache, 0, 16, memory.data(), memory.data(), 0, nullptr), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_append(0, &cache, 0, 17, memory.data(), memory.data(), 0, nullptr), KVC_ERROR_ARGUMENT);
  EXPECT_EQ(kvc_append(0, &cache, 0xffffffff, 0xffffffff, memory.data(), memory.data(), 0, nullptr),
            KVC_ERROR_ARGUMENT);
  EXPECT_EQ(kvc_extract(0, &cache, 1, 2, memory.data(), memory.data(), nullptr), KVC_ERROR_NO_DRIVER);
  EXPECT_EQ(kvc_merge(0, &cache, memory.data(), memory.data(), 8, memory.data(), memory.data(), 9, nullptr),
            KVC_ERROR_ARGUMENT);
  EXPECT_EQ(kvc_clear(0, &cache, 0, 16, nullptr), KVC_ERROR_NO_DRIVER);
  kvc_piece piece = {};
  piece.fd = -1;
  piece.bytes = 4096;
  kvc_export exported = {};
  exported.kind = KVC_MEMORY_IPC;
  exported.bytes = 4096;
  exported.piece_count = 1;
  exported.pieces = &piece;
  kvc_import* import = nullptr;
  void* start = nullptr;
  EXPECT_EQ(kvc_import_memory(&exported, 0, &import, &start), KVC_ERROR_NO_DRIVER);
  exported.offset = 1;
  EXPECT_EQ(kvc_import_memory(&exported, 0, &import, &start), KVC_ERROR_ARGUMENT);
  exported.offset = UINT64_MAX;
  EXPECT_EQ(kvc_import_memory(&exported, 0, &import, &start), KVC_ERROR_ARGUMENT);
  exported.offset = 0;
  exported.piece_count = KVC_PIECES_MAX + 1;
  EXPECT_EQ(kvc_import_memory(&exported, 0, &import, &start), KVC_ERROR_ARGUMENT);
}

}  // namespace
