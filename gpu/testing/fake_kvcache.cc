#include "gpu/testing/fake_kvcache.h"

#include "gpu/coded_copy.h"
#include "gpu/cuda/kvcache.h"
#include "gpu/strided_copy.h"

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

using kvp2p::testing::fake_device_failed;
using kvp2p::testing::fake_devices;
using kvp2p::testing::fake_streams_busy_max;

namespace {

std::atomic<int> busy{0};
thread_local std::string last_error;

kvc_status fail(kvc_status status, const char* text) {
  last_error = text;
  return status;
}

/// Host memory that copies may use without blocking, and device memory.
std::mutex ranges_mutex;
std::map<const std::uint8_t*, std::size_t>& ranges() {
  static auto* all = new std::map<const std::uint8_t*, std::size_t>;
  return *all;
}

bool is_known(const void* start, std::size_t bytes) {
  const auto* from = static_cast<const std::uint8_t*>(start);
  std::lock_guard lock(ranges_mutex);
  auto after = ranges().upper_bound(from);
  if (after == ranges().begin()) return false;
  --after;
  return from + bytes <= after->first + after->second;
}

kvc_status allocate(std::size_t bytes, void** start) {
  if (fake_device_failed) return fail(KVC_ERROR_DEVICE, "fake failure");
  auto* memory = static_cast<std::uint8_t*>(std::malloc(bytes));
  std::lock_guard lock(ranges_mutex);
  ranges()[memory] = bytes;
  *start = memory;
  return KVC_OK;
}

kvc_status release(void* start) {
  {
    std::lock_guard lock(ranges_mutex);
    ranges().erase(static_cast<std::uint8_t*>(start));
  }
  std::free(start);
  return KVC_OK;
}

/// One recording of an event.
struct Mark {
  std::mutex mutex;
  std::condition_variable changed;
  bool happened = false;

  void set() {
    std::lock_guard lock(mutex);
    happened = true;
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return happened; });
  }
  bool is_set() {
    std::lock_guard lock(mutex);
    return happened;
  }
};

}  // namespace

struct CUstream_st {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::function<void()>> work;
  bool ending = false;
  std::thread thread{[this] { run(); }};

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      changed.wait(lock, [this] { return ending || !work.empty(); });
      if (work.empty()) return;
      auto next = std::move(work.front());
      work.pop_front();
      lock.unlock();
      next();
      lock.lock();
    }
  }
  void add(std::function<void()> next) {
    std::lock_guard lock(mutex);
    work.push_back(std::move(next));
    changed.notify_one();
  }
};

struct CUevent_st {
  std::mutex mutex;
  std::shared_ptr<Mark> mark;

  std::shared_ptr<Mark> last() {
    std::lock_guard lock(mutex);
    return mark;
  }
};

struct kvc_region {
  std::uint8_t* start;
  std::vector<kvp2p::SlicePlan> plans;
  std::uint32_t slots;
  kvp2p::CodedShape shape;

  bool is_coded() const { return shape.codec != kvp2p::Codec::kNone; }
  std::size_t wire_bytes(std::uint32_t layer) const {
    const std::size_t bytes = plans[layer].slice_bytes;
    return is_coded() ? bytes / shape.engine_bytes() * shape.coded_bytes() : bytes;
  }
};

namespace {

kvc_status queue(kvc_stream stream, std::function<void()> work) {
  if (fake_device_failed) return fail(KVC_ERROR_DEVICE, "fake failure");
  if (stream == nullptr) {
    work();
    return KVC_OK;
  }
  stream->add([work = std::move(work)] {
    const int now = ++busy;
    int max = fake_streams_busy_max;
    while (now > max && !fake_streams_busy_max.compare_exchange_weak(max, now)) {
    }
    if (!fake_device_failed) work();
    --busy;
  });
  return KVC_OK;
}

bool check(const kvc_region* region, const kvc_slice* slices, std::size_t count, std::size_t wire_bytes) {
  for (std::size_t i = 0; i < count; ++i) {
    if (slices[i].slot >= region->slots || slices[i].layer >= region->plans.size()) return false;
    if (slices[i].offset + region->wire_bytes(slices[i].layer) > wire_bytes) return false;
  }
  return true;
}

}  // namespace

extern "C" {

const char* kvc_status_text(kvc_status) { return "fake status"; }
const char* kvc_last_error(void) { return last_error.c_str(); }

kvc_status kvc_device_count(int* count) {
  if (fake_devices == 0) return fail(KVC_ERROR_NO_DRIVER, "no driver here");
  *count = fake_devices;
  return KVC_OK;
}

kvc_status kvc_get_device_info(int device, kvc_device_info* info) {
  if (device < 0 || device >= fake_devices) return fail(KVC_ERROR_NO_DEVICE, "no such device");
  *info = {};
  std::strcpy(info->name, "NVIDIA Fake");
  info->uuid[0] = 0xAB;
  info->uuid[15] = static_cast<std::uint8_t>(device);
  return KVC_OK;
}

kvc_status kvc_get_link(int device, int peer, kvc_link* link) {
  *link = device == peer ? KVC_LINK_SAME_DEVICE : KVC_LINK_NVLINK;
  return KVC_OK;
}

kvc_status kvc_enable_peer(int, int) { return KVC_OK; }
kvc_status kvc_device_alloc(int, size_t bytes, void** start) { return allocate(bytes, start); }
kvc_status kvc_device_free(int, void* start) { return release(start); }
kvc_status kvc_pinned_alloc(size_t bytes, void** start) { return allocate(bytes, start); }
kvc_status kvc_pinned_free(void* start) { return release(start); }

kvc_status kvc_stream_create(int, kvc_stream* stream) {
  *stream = new CUstream_st;
  return KVC_OK;
}

kvc_status kvc_stream_destroy(kvc_stream stream) {
  {
    std::lock_guard lock(stream->mutex);
    stream->ending = true;
    stream->changed.notify_one();
  }
  stream->thread.join();
  delete stream;
  return KVC_OK;
}

kvc_status kvc_stream_synchronize(kvc_stream stream) {
  auto mark = std::make_shared<Mark>();
  stream->add([mark] { mark->set(); });
  mark->wait();
  return fake_device_failed ? fail(KVC_ERROR_DEVICE, "fake failure") : KVC_OK;
}

kvc_status kvc_event_create(int, int, kvc_event* event) {
  *event = new CUevent_st;
  return KVC_OK;
}

kvc_status kvc_event_destroy(kvc_event event) {
  delete event;
  return KVC_OK;
}

kvc_status kvc_event_record(kvc_event event, kvc_stream stream) {
  auto mark = std::make_shared<Mark>();
  if (fake_device_failed) return fail(KVC_ERROR_DEVICE, "fake failure");
  {
    std::lock_guard lock(event->mutex);
    event->mark = mark;
  }
  if (stream == nullptr) {
    mark->set();
  } else {
    stream->add([mark] { mark->set(); });
  }
  return KVC_OK;
}

kvc_status kvc_stream_wait_event(kvc_stream stream, kvc_event event) {
  const auto mark = event->last();
  if (mark && stream != nullptr) {
    if (fake_device_failed) return fail(KVC_ERROR_DEVICE, "fake failure");
    stream->add([mark] { mark->wait(); });
  }
  return KVC_OK;
}

kvc_status kvc_event_query(kvc_event event) {
  if (fake_device_failed) return fail(KVC_ERROR_DEVICE, "fake failure");
  const auto mark = event->last();
  return mark && !mark->is_set() ? KVC_NOT_READY : KVC_OK;
}

kvc_status kvc_event_synchronize(kvc_event event) {
  if (const auto mark = event->last()) mark->wait();
  return kvc_event_query(event);
}

kvc_status kvc_copy(void* to, const void* from, size_t bytes, kvc_stream stream) {
  if (!is_known(to, bytes) || !is_known(from, bytes)) return fail(KVC_ERROR_ARGUMENT, "pageable memory would block");
  return queue(stream, [=] { std::memcpy(to, from, bytes); });
}

kvc_status kvc_region_create(int, void* start, size_t bytes, const kvc_slice_plan* plans, uint32_t layers,
                             uint32_t slots, kvc_region** region) {
  if (fake_device_failed) return fail(KVC_ERROR_DEVICE, "fake failure");
  if (!is_known(start, bytes)) return fail(KVC_ERROR_ARGUMENT, "not device memory");
  auto made = std::make_unique<kvc_region>();
  made->start = static_cast<std::uint8_t*>(start);
  made->slots = slots;
  for (std::uint32_t i = 0; i < layers; ++i) {
    kvp2p::SlicePlan plan;
    plan.base = plans[i].base;
    for (int l = 0; l < 3; ++l) plan.loops[l] = {plans[i].loops[l].count, plans[i].loops[l].stride};
    plan.run_bytes = plans[i].run_bytes;
    plan.slice_bytes = plans[i].slice_bytes;
    plan.block_stride = plans[i].block_stride;
    plan.slot_stride = plans[i].slot_stride;
    plan.slots_per_block = plans[i].slots_per_block;
    made->plans.push_back(plan);
  }
  *region = made.release();
  return KVC_OK;
}

kvc_status kvc_region_set_codec(kvc_region* region, kvc_codec codec, kvc_element element, uint32_t head_dim,
                                uint32_t rows) {
  region->shape = {static_cast<kvp2p::Codec>(codec), static_cast<kvp2p::ElementType>(element), head_dim, rows};
  return KVC_OK;
}

void kvc_region_destroy(kvc_region* region) { delete region; }

kvc_status kvc_gather(const kvc_region* region, const kvc_slice* slices, size_t count, void* wire, size_t wire_bytes,
                      kvc_stream stream) {
  if (!check(region, slices, count, wire_bytes)) return fail(KVC_ERROR_ARGUMENT, "slice out of bounds");
  return queue(stream, [region, wire, all = std::vector<kvc_slice>(slices, slices + count)] {
    for (const kvc_slice& s : all) {
      std::uint8_t* to = static_cast<std::uint8_t*>(wire) + s.offset;
      if (region->is_coded()) {
        gather_coded(region->plans[s.layer], region->shape, region->start, s.slot, to);
      } else {
        gather_slice(region->plans[s.layer], region->start, s.slot, to);
      }
    }
  });
}

kvc_status kvc_scatter(const kvc_region* region, const kvc_slice* slices, size_t count, const void* wire,
                       size_t wire_bytes, kvc_stream stream) {
  if (!check(region, slices, count, wire_bytes)) return fail(KVC_ERROR_ARGUMENT, "slice out of bounds");
  return queue(stream, [region, wire, all = std::vector<kvc_slice>(slices, slices + count)] {
    for (const kvc_slice& s : all) {
      const std::uint8_t* from = static_cast<const std::uint8_t*>(wire) + s.offset;
      if (region->is_coded()) {
        scatter_coded(region->plans[s.layer], region->shape, from, region->start, s.slot);
      } else {
        scatter_slice(region->plans[s.layer], from, region->start, s.slot);
      }
    }
  });
}

kvc_status kvc_copy_blocks(const kvc_region* from, const kvc_region* to, const kvc_pair* slots, size_t slot_count,
                           const kvc_pair* layers, size_t layer_count, kvc_stream stream) {
  return queue(stream, [from, to, all_slots = std::vector<kvc_pair>(slots, slots + slot_count),
                        all_layers = std::vector<kvc_pair>(layers, layers + layer_count)] {
    for (const kvc_pair& layer : all_layers) {
      std::vector<std::uint8_t> wire(from->plans[layer.from].slice_bytes);
      for (const kvc_pair& slot : all_slots) {
        gather_slice(from->plans[layer.from], from->start, slot.from, wire.data());
        scatter_slice(to->plans[layer.to], wire.data(), to->start, slot.to);
      }
    }
  });
}

kvc_status kvc_export_memory(const void* start, size_t bytes, kvc_export* exported) {
  if (!is_known(start, bytes)) return fail(KVC_ERROR_UNSUPPORTED, "not device memory");
  *exported = {};
  exported->kind = KVC_MEMORY_IPC;
  exported->device_uuid[0] = 0xAB;
  exported->bytes = bytes;
  exported->piece_count = 1;
  exported->pieces = new kvc_piece[1]();
  std::memcpy(exported->pieces[0].handle, &start, sizeof start);
  exported->pieces[0].fd = -1;
  exported->pieces[0].bytes = bytes;
  return KVC_OK;
}

void kvc_export_free(kvc_export* exported) {
  delete[] exported->pieces;
  *exported = {};
}

struct kvc_import {
  void* start;
};

kvc_status kvc_import_memory(const kvc_export* exported, int, kvc_import** import, void** start) {
  void* first = nullptr;
  std::memcpy(&first, exported->pieces[0].handle, sizeof first);
  if (!is_known(first, exported->bytes)) return fail(KVC_ERROR_DEVICE, "no such handle");
  *import = new kvc_import{first};
  *start = static_cast<std::uint8_t*>(first) + exported->offset;
  return KVC_OK;
}

void kvc_import_close(kvc_import* import) { delete import; }

}  // extern "C"
