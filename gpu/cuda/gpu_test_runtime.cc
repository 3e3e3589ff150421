// Memory, pools, streams and events; bad arguments, after which the device still works; two GPUs where there are two.
#include "gpu/cuda/kvcache_gpu_test.h"

#include <cstdlib>
#include <cstring>

namespace kvp2p::testing {

namespace {

using Bytes = std::vector<std::uint8_t>;

void devices(const GpuTest& test) {
  for (int device = 0; device < test.devices; ++device) {
    kvc_device_info info = {};
    if (!good(kvc_get_device_info(device, &info), "device info")) continue;
    std::printf("GPU %d: %s, sm_%u%u, %u multiprocessors, %llu MiB\n", device, info.name, info.compute_major,
                info.compute_minor, info.multiprocessors, static_cast<unsigned long long>(info.memory_bytes >> 20));
    groups().expect(info.multiprocessors > 0 && info.memory_bytes > 0, "device info");
  }
  kvc_link link = KVC_LINK_NONE;
  groups().expect(kvc_get_link(0, 0, &link) == KVC_OK && link == KVC_LINK_SAME_DEVICE, "link to itself");
  groups().expect(kvc_get_link(0, test.devices, &link) == KVC_ERROR_NO_DEVICE, "no such device");
  groups().expect(kvc_enable_peer(0, 0) == KVC_OK, "its own peer");
}

void pinned_pool() {
  kvc_pinned_pool* pool = nullptr;
  if (!good(kvc_pinned_pool_create(1000, 3, &pool), "pool")) return;
  void* slots[4] = {};
  for (int i = 0; i < 3; ++i) {
    good(kvc_pinned_pool_take(pool, &slots[i]), "take");
    std::memset(slots[i], i, 1000);
  }
  groups().expect(kvc_pinned_pool_take(pool, &slots[3]) == KVC_ERROR_NO_MEMORY && slots[3] == nullptr, "exhausted");
  for (int i = 0; i < 3; ++i) {
    const auto* bytes = static_cast<const std::uint8_t*>(slots[i]);
    groups().expect(bytes[0] == i && bytes[999] == i, "slots lie apart");
  }
  groups().expect(kvc_pinned_pool_give(pool, static_cast<char*>(slots[1]) + 1) == KVC_ERROR_ARGUMENT, "not a slot");
  groups().expect(kvc_pinned_pool_give(pool, slots[1]) == KVC_OK, "give");
  groups().expect(kvc_pinned_pool_give(pool, slots[1]) == KVC_ERROR_ARGUMENT, "given twice");
  groups().expect(kvc_pinned_pool_take(pool, &slots[3]) == KVC_OK && slots[3] == slots[1], "taken again");
  for (const int i : {0, 2, 3}) good(kvc_pinned_pool_give(pool, slots[i]), "give");
  kvc_pinned_pool_destroy(pool);
}

void copies(const GpuTest& test) {
  std::mt19937 random(41);
  const std::size_t bytes = 1 << 20;
  const Bytes data = random_bytes(bytes, random);
  void* page = std::aligned_alloc(4096, bytes);
  std::memcpy(page, data.data(), bytes);
  good(kvc_pin(page, bytes), "pin");
  Guarded device(Guarded::Kind::kDevice, bytes);
  Guarded other(Guarded::Kind::kDevice, bytes);
  kvc_stream second = nullptr;
  kvc_event event = nullptr;
  kvc_event timed[2] = {};
  good(kvc_stream_create(0, &second), "stream");
  good(kvc_event_create(0, 0, &event), "event");
  for (kvc_event& made : timed) good(kvc_event_create(0, 1, &made), "timed event");
  good(kvc_event_record(timed[0], test.stream), "record");
  good(kvc_copy(device.start(), page, bytes, test.stream), "pinned to device");
  good(kvc_event_record(event, test.stream), "record");
  good(kvc_event_record(timed[1], test.stream), "record");
  good(kvc_stream_wait_event(second, event), "wait");
  good(kvc_copy(other.start(), device.start(), bytes, second), "device to device");
  good(kvc_event_record(event, second), "record");
  kvc_status status = KVC_NOT_READY;
  while ((status = kvc_event_query(event)) == KVC_NOT_READY) {
  }
  good(status, "query");
  expect_equal(other.read(second, "copy"), data, "copy in order of events");
  float milliseconds = -1;
  good(kvc_event_synchronize(timed[1]), "synchronise");
  groups().expect(kvc_event_elapsed(timed[0], timed[1], &milliseconds) == KVC_OK && milliseconds >= 0, "elapsed");
  groups().expect(kvc_event_elapsed(event, timed[1], &milliseconds) != KVC_OK, "an event without times");
  good(kvc_event_destroy(event), "destroy");
  for (kvc_event made : timed) good(kvc_event_destroy(made), "destroy");
  good(kvc_stream_destroy(second), "destroy");
  good(kvc_unpin(page), "unpin");
  groups().expect(kvc_unpin(page) != KVC_OK, "unpinned twice");
  std::free(page);
}

void errors(const GpuTest& test) {
  Guarded memory(Guarded::Kind::kDevice, 4096);
  Guarded wire(Guarded::Kind::kDevice, 4096);
  Bytes pageable(4096);
  kvc_slice_plan plan = {};
  for (kvc_loop& loop : plan.loops) loop = {1, 0};
  plan.run_bytes = plan.slice_bytes = plan.block_stride = 64;
  plan.slots_per_block = 1;
  kvc_region* region = nullptr;
  const auto refused = [](kvc_status got, kvc_status wanted, const std::string& what) {
    groups().expect(got == wanted, what + ": " + kvc_status_text(got) + " " + kvc_last_error());
  };
  refused(kvc_region_create(0, pageable.data(), 4096, &plan, 1, 64, &region), KVC_ERROR_ARGUMENT, "pageable region");
  refused(kvc_region_create(test.devices, memory.start(), 4096, &plan, 1, 64, &region), KVC_ERROR_NO_DEVICE,
          "region on no device");
  refused(kvc_region_create(0, memory.start(), 4096, &plan, 1, 65, &region), KVC_ERROR_ARGUMENT, "too many slots");
  if (!good(kvc_region_create(0, memory.start(), 4096, &plan, 1, 64, &region), "region")) return;
  const kvc_slice slice = {63, 0, 4032};
  const kvc_slice outside = {64, 0, 0};
  refused(kvc_gather(region, &slice, 1, pageable.data(), 4096, test.stream), KVC_ERROR_ARGUMENT, "pageable wire");
  refused(kvc_gather(region, &slice, 1, wire.start(), 4095, test.stream), KVC_ERROR_ARGUMENT, "short wire");
  refused(kvc_scatter(region, &outside, 1, wire.start(), 4096, test.stream), KVC_ERROR_ARGUMENT, "no such slot");
  void* huge = nullptr;
  refused(kvc_device_alloc(0, std::size_t{1} << 46, &huge), KVC_ERROR_NO_MEMORY, "64 TiB");
  refused(kvc_device_alloc(test.devices, 64, &huge), KVC_ERROR_NO_DEVICE, "memory of no device");
  kvc_export exported;
  refused(kvc_export_memory(pageable.data(), 64, &exported), KVC_ERROR_ARGUMENT, "export of pageable memory");
  good(kvc_gather(region, &slice, 1, wire.start(), 4096, test.stream), "gather after errors");
  expect_equal(wire.read(test.stream, "gather after errors"), Bytes(4096, Guarded::kPoison), "gather after errors");
  good(kvc_gather(region, &slice, 1, wire.start(), 4096, nullptr), "gather on the default stream");
  good(kvc_stream_synchronize(nullptr), "the default stream");
  kvc_region_destroy(region);
}

}  // namespace

void run_runtime_groups(const GpuTest& test) {
  groups().run("devices", [&] { devices(test); });
  groups().run("pinned pool", [&] { pinned_pool(); });
  groups().run("streams, events, copies", [&] { copies(test); });
  groups().run("bad arguments", [&] { errors(test); });
}

void run_peer_groups(const GpuTest& test) {
  if (test.devices < 2) return groups().not_run("two GPUs", "one GPU");
  groups().run("two GPUs", [&] {
    kvc_link link = KVC_LINK_NONE;
    good(kvc_get_link(0, 1, &link), "link");
    std::printf("GPU 0 to GPU 1: link %d\n", static_cast<int>(link));
    std::mt19937 random(51);
    constexpr std::size_t kBytes = 1 << 20;
    const Bytes data = random_bytes(kBytes, random);
    void* far = nullptr;
    if (!good(kvc_device_alloc(1, kBytes, &far), "memory of GPU 1")) return;
    Guarded near(Guarded::Kind::kDevice, kBytes);
    near.write(data);
    good(kvc_copy_peer(far, 1, near.start(), 0, kBytes, test.stream), "peer copy");
    Guarded back(Guarded::Kind::kDevice, kBytes);
    good(kvc_copy_peer(back.start(), 0, far, 1, kBytes, test.stream), "peer copy back");
    expect_equal(back.read(test.stream, "peer copy"), data, "peer copy");
    if (link == KVC_LINK_NONE) return;
    kvc_slice_plan plan = {};
    for (kvc_loop& loop : plan.loops) loop = {1, 0};
    plan.run_bytes = plan.slice_bytes = plan.block_stride = 4096;
    plan.slots_per_block = 1;
    kvc_region* from = nullptr;
    kvc_region* to = nullptr;
    Guarded target(Guarded::Kind::kDevice, kBytes);
    good(kvc_region_create(1, far, kBytes, &plan, 1, 256, &from), "region of GPU 1");
    good(kvc_region_create(0, target.start(), kBytes, &plan, 1, 256, &to), "region of GPU 0");
    std::vector<kvc_pair> slots;
    for (std::uint32_t i = 0; i < 256; ++i) slots.push_back({i, i});
    const kvc_pair layer = {0, 0};
    good(kvc_copy_blocks(from, to, slots.data(), slots.size(), &layer, 1, test.stream), "blocks of GPU 1");
    expect_equal(target.read(test.stream, "blocks of GPU 1"), data, "blocks of GPU 1");
    kvc_region_destroy(from);
    kvc_region_destroy(to);
    kvc_device_free(1, far);
  });
}

}  // namespace kvp2p::testing
