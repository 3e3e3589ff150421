#include "gpu/cuda/kvcache_error.h"

#include <cstdint>
#include <mutex>
#include <new>
#include <vector>

using kvc::fail;

struct kvc_pinned_pool {
  std::uint8_t* start = nullptr;
  size_t slot_bytes = 0;
  size_t slots = 0;
  std::mutex mutex;  // guards what follows
  std::vector<size_t> free_slots;
  std::vector<bool> taken;
};

kvc_status kvc_pinned_pool_create(size_t slot_bytes, size_t slots, kvc_pinned_pool** pool) {
  if (pool == nullptr) return fail(KVC_ERROR_ARGUMENT, "pool is null");
  *pool = nullptr;
  size_t bytes = 0;
  if (slot_bytes == 0 || slots == 0 || __builtin_mul_overflow(slot_bytes, slots, &bytes)) {
    return fail(KVC_ERROR_ARGUMENT, "a pool of %zu slots of %zu bytes", slots, slot_bytes);
  }
  void* start = nullptr;
  KVC_TRY(kvc_pinned_alloc(bytes, &start));
  try {
    auto* made = new kvc_pinned_pool;
    *pool = made;
    made->start = static_cast<std::uint8_t*>(start);
    made->slot_bytes = slot_bytes;
    made->slots = slots;
    made->taken.assign(slots, false);
    // From the back, so that slots are taken in order.
    for (size_t slot = slots; slot > 0; --slot) made->free_slots.push_back(slot - 1);
  } catch (const std::bad_alloc&) {
    if (*pool == nullptr) kvc_pinned_free(start);
    kvc_pinned_pool_destroy(*pool);
    *pool = nullptr;
    return fail(KVC_ERROR_NO_MEMORY, "no memory for a pool of %zu slots", slots);
  }
  return KVC_OK;
}

kvc_status kvc_pinned_pool_take(kvc_pinned_pool* pool, void** slot) {
  if (pool == nullptr || slot == nullptr) return fail(KVC_ERROR_ARGUMENT, "the pool or the result is null");
  *slot = nullptr;
  const std::lock_guard<std::mutex> lock(pool->mutex);
  if (pool->free_slots.empty()) return fail(KVC_ERROR_NO_MEMORY, "all %zu slots of the pool are out", pool->slots);
  const size_t index = pool->free_slots.back();
  pool->free_slots.pop_back();
  pool->taken[index] = true;
  *slot = pool->start + index * pool->slot_bytes;
  return KVC_OK;
}

kvc_status kvc_pinned_pool_give(kvc_pinned_pool* pool, void* slot) {
  if (pool == nullptr) return fail(KVC_ERROR_ARGUMENT, "pool is null");
  const auto at = reinterpret_cast<std::uintptr_t>(slot);
  const auto start = reinterpret_cast<std::uintptr_t>(pool->start);
  const std::lock_guard<std::mutex> lock(pool->mutex);
  const bool inside = at >= start && at - start < pool->slot_bytes * pool->slots;
  if (!inside || (at - start) % pool->slot_bytes != 0) {
    return fail(KVC_ERROR_ARGUMENT, "%p is no slot of this pool", slot);
  }
  const size_t index = (at - start) / pool->slot_bytes;
  if (!pool->taken[index]) return fail(KVC_ERROR_ARGUMENT, "slot %zu was given back twice", index);
  pool->taken[index] = false;
  pool->free_slots.push_back(index);  // within the capacity that create reserved
  return KVC_OK;
}

void kvc_pinned_pool_destroy(kvc_pinned_pool* pool) {
  if (pool == nullptr) return;
  kvc_pinned_free(pool->start);
  delete pool;
}
