// Fixed staging between an engine's strides and contiguous host memory: slots that chunks of copies pass through.
#pragma once

#include "gpu/cuda_status.h"

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace kvp2p {

/// Slots hold any layer slice (kSliceBytesMax).
///
/// Of device memory, 72 MiB a connector and direction. At 55 GB/s one takes 460 µs, so that the copy engine's pause of
/// some microseconds between chunks is a percent.
inline constexpr std::size_t kCudaDeviceSlotBytes = 24u << 20;
inline constexpr std::size_t kCudaDeviceSlots = 3;
/// Of pinned host memory that pageable memory is copied through, both directions together: 32 MiB.
inline constexpr std::size_t kCudaBounceSlotBytes = 8u << 20;
inline constexpr std::size_t kCudaBounceSlots = 4;

/// Slots of one allocation. Thread-safe. None free is back-pressure: ask again once a copy has ended.
class CudaChunkRing {
 public:
  struct Slot {
    std::uint8_t* memory = nullptr;
    std::size_t bytes = 0;
    /// Filled: the second of the chunk's two steps may begin.
    CudaEvent filled;
  };

  enum class Place { kDevice, kPinnedHost };
  static base::Result<std::unique_ptr<CudaChunkRing>> create(int device, Place place);
  /// REQUIRES: every slot has been given back.
  ~CudaChunkRing();

  /// Null if none is free.
  Slot* take();
  void give(Slot* slot);

 private:
  CudaChunkRing() = default;

  int device_ = 0;
  Place place_ = Place::kDevice;
  std::uint8_t* memory_ = nullptr;
  std::vector<Slot> slots_;
  std::mutex mutex_;
  std::vector<Slot*> free_;
};

}  // namespace kvp2p
