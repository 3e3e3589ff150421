#include "gpu/cuda/kvcache_region.h"

#include "gpu/cuda/kvcache_device.h"

#include <cstdint>
#include <memory>
#include <new>

using kvc::fail;

kvc_status kvc_region_create(int device, void* start, size_t bytes, const kvc_slice_plan* plans, uint32_t layers,
                             uint32_t slots, kvc_region** region) {
  if (region == nullptr) return fail(KVC_ERROR_ARGUMENT, "region is null");
  *region = nullptr;
  if (start == nullptr || bytes == 0) return fail(KVC_ERROR_ARGUMENT, "a region of no memory");
  if (plans == nullptr || layers == 0) return fail(KVC_ERROR_ARGUMENT, "a region without layers");
  if (reinterpret_cast<std::uintptr_t>(start) > UINTPTR_MAX - bytes) {
    return fail(KVC_ERROR_ARGUMENT, "the region wraps around");
  }
  try {
    auto made = std::make_unique<kvc_region>();
    if (const char* reason = kvc::fill_region(bytes, plans, layers, slots, made.get())) {
      return fail(KVC_ERROR_ARGUMENT, "%s", reason);
    }
    const kvc::DeviceGuard guard(device);
    KVC_TRY(guard.status());
    made->device = device;
    made->start = static_cast<std::uint8_t*>(start);
    KVC_TRY(kvc::reach(device, start, "the region's start"));
    KVC_TRY(kvc::reach(device, made->start + (bytes - 1), "the region's end"));
    *region = made.release();
    return KVC_OK;
  } catch (const std::bad_alloc&) {
    return fail(KVC_ERROR_NO_MEMORY, "no memory for a region of %u layers", layers);
  }
}

kvc_status kvc_region_set_codec(kvc_region* region, kvc_codec codec, kvc_element element, uint32_t head_dim,
                                uint32_t rows) {
  if (region == nullptr) return fail(KVC_ERROR_ARGUMENT, "region is null");
  if (const char* reason = kvc::fill_coding(codec, element, head_dim, rows, region)) {
    kvc::fill_coding(KVC_CODEC_NONE, element, 0, 0, region);
    return fail(KVC_ERROR_ARGUMENT, "%s", reason);
  }
  return KVC_OK;
}

void kvc_region_destroy(kvc_region* region) { delete region; }
