#include "gpu/cuda_chunk_ring.h"

namespace kvp2p {

base::Result<std::unique_ptr<CudaChunkRing>> CudaChunkRing::create(int device, Place place) {
  const bool on_device = place == Place::kDevice;
  const std::size_t slots = on_device ? kCudaDeviceSlots : kCudaBounceSlots;
  const std::size_t slot_bytes = on_device ? kCudaDeviceSlotBytes : kCudaBounceSlotBytes;
  std::unique_ptr<CudaChunkRing> ring(new CudaChunkRing);
  ring->device_ = device;
  ring->place_ = place;
  void* memory = nullptr;
  const kvc_status status =
      on_device ? kvc_device_alloc(device, slots * slot_bytes, &memory) : kvc_pinned_alloc(slots * slot_bytes, &memory);
  if (status != KVC_OK) return cuda_error(status, "allocate staging memory");
  ring->memory_ = static_cast<std::uint8_t*>(memory);
  ring->slots_.resize(slots);
  for (std::size_t i = 0; i < slots; ++i) {
    auto event = make_cuda_event(device);
    if (!event) return event.error();
    ring->slots_[i] = {ring->memory_ + i * slot_bytes, slot_bytes, std::move(*event)};
  }
  for (Slot& slot : ring->slots_) ring->free_.push_back(&slot);
  return ring;
}

CudaChunkRing::~CudaChunkRing() {
  slots_.clear();
  if (memory_ == nullptr) return;
  if (place_ == Place::kDevice) {
    kvc_device_free(device_, memory_);
  } else {
    kvc_pinned_free(memory_);
  }
}

CudaChunkRing::Slot* CudaChunkRing::take() {
  std::lock_guard lock(mutex_);
  if (free_.empty()) return nullptr;
  Slot* slot = free_.back();
  free_.pop_back();
  return slot;
}

void CudaChunkRing::give(Slot* slot) {
  std::lock_guard lock(mutex_);
  free_.push_back(slot);
}

}  // namespace kvp2p
