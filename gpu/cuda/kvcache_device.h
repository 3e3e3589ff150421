// Which device a call works on, and whether it reaches the memory that it was given.
#pragma once

#include "gpu/cuda/kvcache_error.h"

#include <cuda.h>

namespace kvc {

/// Makes `device`'s primary context current for a scope and then restores what was current. A thread that had no
/// context gets none on another device by that: a context costs hundreds of megabytes of a GPU.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device);
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

  /// Nothing else may be called unless KVC_OK.
  kvc_status status() const { return status_; }

 private:
  kvc_status status_ = KVC_OK;
  bool switched_ = false;
  int previous_ = 0;
  CUcontext previous_context_ = nullptr;
};

/// A device on which this process has a context already; else the thread's current one. For calls that need any.
int any_device();

/// Multiprocessors of a device, remembered. 0 if there is no such device.
int multiprocessors(int device);
/// 8 for sm_80 and sm_86, 9 for sm_90. Remembered; 0 if there is no such device.
int compute_major(int device);

struct Memory {
  bool host = false;
  int device = 0;  // where it lies, unless host
};

/// KVC_ERROR_ARGUMENT where `pointer` is no memory that kernels can use at all (a kernel's fault would cost the whole
/// process its context), KVC_ERROR_NO_ACCESS where `device` cannot reach it. Enables peer access where that is needed.
/// REQUIRES: `device` is current.
kvc_status reach(int device, const void* pointer, const char* name, Memory* memory = nullptr);

}  // namespace kvc
