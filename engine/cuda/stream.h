// A stream of one GPU, and what fails on it.
#pragma once

#include "base/result.h"
#include "gpu/cuda/kvcache.h"

#include <memory>

namespace kvp2p::engine::cuda {

class Stream {
 public:
  /// kDeviceFailed; the log says why.
  static base::Result<std::unique_ptr<Stream>> create(int device);
  /// Waits for what is queued.
  ~Stream();
  Stream(const Stream&) = delete;

  int device() const { return device_; }
  kvc_stream get() const { return stream_; }

  /// kDeviceFailed if a launch on this thread was refused since the last call; waits for nothing.
  base::Result<> check_launches() const;
  /// Waits for all that is queued. kDeviceFailed.
  base::Result<> synchronize() const;
  /// Queues a copy between host and device memory. Host memory may be reused once synchronize() has returned.
  base::Result<> copy(void* to, const void* from, std::size_t bytes) const;

 private:
  explicit Stream(int device) : device_(device) {}

  const int device_;
  kvc_stream stream_ = nullptr;
};

}  // namespace kvp2p::engine::cuda
