#include "engine/cuda/device_memory.h"

#include "base/log.h"
#include "engine/engine_error.h"
#include "gpu/cuda/kvcache.h"

namespace kvp2p::engine::cuda {

base::Result<DeviceMemory> DeviceMemory::allocate(int device, std::size_t bytes) {
  DeviceMemory memory;
  memory.device_ = device;
  if (kvc_device_alloc(device, bytes, &memory.start_) != KVC_OK) {
    LOG_ERROR("no {} MiB of GPU memory: {}", bytes >> 20, kvc_last_error());
    return EngineError::kOutOfDeviceMemory;
  }
  memory.bytes_ = bytes;
  return memory;
}

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(device_, other.device_);
  std::swap(start_, other.start_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

DeviceMemory::~DeviceMemory() {
  if (start_) kvc_device_free(device_, start_);
}

base::Result<> DeviceArrays::allocate(int device) {
  auto memory = DeviceMemory::allocate(device, bytes_);
  if (!memory) return memory.error();
  memory_ = std::move(*memory);
  return {};
}

}  // namespace kvp2p::engine::cuda
