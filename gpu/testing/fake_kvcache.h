// The C interface gpu/cuda/kvcache.h on threads and host memory, so that what is built on it is tested, under the
// sanitizers too, on machines without a GPU. A test that uses it lists fake_kvcache.cc among its sources.
//
// A stream is a thread that works off a queue; everything asynchronous is so here. Copies of pageable memory are
// errors, and reading or writing beyond an allocation is for the address sanitizer to find.
#pragma once

#include <atomic>

namespace kvp2p::testing {

/// Devices that there are; they share their memory. 0: there is no driver.
inline std::atomic<int> fake_devices{2};
/// Every call fails with KVC_ERROR_DEVICE from now on, and queued work is lost, as after an illegal access.
inline std::atomic<bool> fake_device_failed{false};
/// Largest number of streams that worked at the same time.
inline std::atomic<int> fake_streams_busy_max{0};

}  // namespace kvp2p::testing
