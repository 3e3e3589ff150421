// Events that are recorded again and again: making one costs microseconds and memory of the driver.
#pragma once

#include "gpu/cuda_status.h"

#include <mutex>
#include <vector>

namespace kvp2p {

/// Thread-safe. Holds as many events as copies were ever under way at once.
class CudaEventPool {
 public:
  explicit CudaEventPool(int device) : device_(device) {}

  base::Result<CudaEvent> take() {
    {
      std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        CudaEvent event = std::move(free_.back());
        free_.pop_back();
        return event;
      }
    }
    return make_cuda_event(device_);
  }
  /// REQUIRES: what it was recorded for has happened.
  void give(CudaEvent event) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(event));
  }

 private:
  const int device_;
  std::mutex mutex_;
  std::vector<CudaEvent> free_;
};

}  // namespace kvp2p
