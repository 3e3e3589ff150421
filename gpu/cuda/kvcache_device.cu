#include "gpu/cuda/kvcache_device.h"

#include "gpu/cuda/kvcache_driver.h"

#include <atomic>
#include <cstring>

namespace kvc {

namespace {

constexpr int kDevicesMax = 64;

std::atomic<int> multiprocessors_of[kDevicesMax];
std::atomic<int> compute_major_of[kDevicesMax];
/// Peer access is enabled once a process and never taken back.
std::atomic<bool> peer_enabled[kDevicesMax][kDevicesMax];

kvc_status check_device(int device) {
  int count = 0;
  KVC_TRY(kvc_device_count(&count));
  if (device < 0 || device >= count) return fail(KVC_ERROR_NO_DEVICE, "no GPU %d: there are %d", device, count);
  return KVC_OK;
}

int attribute(std::atomic<int> (&cache)[kDevicesMax], int device, cudaDeviceAttr which) {
  if (device < 0 || device >= kDevicesMax) return 0;
  int known = cache[device].load(std::memory_order_relaxed);
  if (known != 0) return known;
  if (cudaDeviceGetAttribute(&known, which, device) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  cache[device].store(known, std::memory_order_relaxed);
  return known;
}

}  // namespace

DeviceGuard::DeviceGuard(int device) {
  status_ = check(cudaGetDevice(&previous_), "cudaGetDevice");
  if (status_ != KVC_OK) return;
  const Driver* api = driver();
  if (api == nullptr) {
    status_ = fail(KVC_ERROR_NO_DRIVER, "the CUDA driver is older than CUDA 12");
    return;
  }
  api->ctx_get_current(&previous_context_);
  if (previous_ == device && previous_context_ != nullptr) return;
  status_ = check(cudaSetDevice(device), "cudaSetDevice");
  switched_ = previous_ != device && status_ == KVC_OK;
}

DeviceGuard::~DeviceGuard() {
  if (!switched_) return;
  if (previous_context_ != nullptr) {
    driver()->ctx_set_current(previous_context_);
    return;
  }
  unsigned flags = 0;
  int active = 0;
  const bool known = driver()->primary_ctx_state(previous_, &flags, &active) == CUDA_SUCCESS;
  if (known && active != 0) {
    if (cudaSetDevice(previous_) != cudaSuccess) cudaGetLastError();
  } else {
    driver()->ctx_set_current(nullptr);
  }
}

int any_device() {
  int current = 0;
  const Driver* api = driver();
  CUcontext context = nullptr;
  if (cudaGetDevice(&current) != cudaSuccess) cudaGetLastError();
  if (api == nullptr || (api->ctx_get_current(&context) == CUDA_SUCCESS && context != nullptr)) return current;
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) cudaGetLastError();
  for (int device = 0; device < count; ++device) {
    unsigned flags = 0;
    int active = 0;
    if (api->primary_ctx_state(device, &flags, &active) == CUDA_SUCCESS && active != 0) return device;
  }
  return current;
}

int multiprocessors(int device) { return attribute(multiprocessors_of, device, cudaDevAttrMultiProcessorCount); }

int compute_major(int device) { return attribute(compute_major_of, device, cudaDevAttrComputeCapabilityMajor); }

kvc_status reach(int device, const void* pointer, const char* name, Memory* memory) {
  if (pointer == nullptr) return fail(KVC_ERROR_ARGUMENT, "%s is null", name);
  cudaPointerAttributes attributes = {};
  KVC_TRY(check(cudaPointerGetAttributes(&attributes, pointer), name));
  if (attributes.type == cudaMemoryTypeUnregistered) {
    return fail(KVC_ERROR_ARGUMENT, "%s (%p) is neither device memory nor pinned", name, pointer);
  }
  const bool host = attributes.type != cudaMemoryTypeDevice;
  if (memory != nullptr) *memory = {host, host ? device : attributes.device};
  if (host || attributes.device == device) return KVC_OK;
  // Virtual memory is mapped a device at a time, whatever the peers may.
  int legacy = 0;
  const auto address = reinterpret_cast<CUdeviceptr>(pointer);
  driver()->pointer_attribute(&legacy, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE, address);
  if (legacy == 0) {
    unsigned long long access = 0;
    CUmemLocation location = {};
    location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    location.id = device;
    if (driver()->get_access(&access, &location, address) == CUDA_SUCCESS) {
      if (access != 0) return KVC_OK;
      return fail(KVC_ERROR_NO_ACCESS, "%s is virtual memory of GPU %d without access for GPU %d", name,
                  attributes.device, device);
    }
  }
  return kvc_enable_peer(device, attributes.device);
}

}  // namespace kvc

kvc_status kvc_device_count(int* count) {
  if (count == nullptr) return kvc::fail(KVC_ERROR_ARGUMENT, "count is null");
  *count = 0;
  KVC_TRY(kvc::check(cudaGetDeviceCount(count), "cudaGetDeviceCount"));
  if (*count == 0) return kvc::fail(KVC_ERROR_NO_DRIVER, "this process sees no GPU");
  return KVC_OK;
}

kvc_status kvc_get_device_info(int device, kvc_device_info* info) {
  if (info == nullptr) return kvc::fail(KVC_ERROR_ARGUMENT, "info is null");
  KVC_TRY(kvc::check_device(device));
  cudaDeviceProp properties = {};
  KVC_TRY(kvc::check(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties"));
  *info = {};
  std::memcpy(info->name, properties.name, sizeof info->name - 1);
  static_assert(sizeof info->uuid == sizeof properties.uuid.bytes, "a UUID has 16 bytes");
  std::memcpy(info->uuid, properties.uuid.bytes, sizeof info->uuid);
  info->memory_bytes = properties.totalGlobalMem;
  info->compute_major = properties.major;
  info->compute_minor = properties.minor;
  info->multiprocessors = properties.multiProcessorCount;
  return KVC_OK;
}

kvc_status kvc_get_link(int device, int peer, kvc_link* link) {
  if (link == nullptr) return kvc::fail(KVC_ERROR_ARGUMENT, "link is null");
  *link = KVC_LINK_NONE;
  KVC_TRY(kvc::check_device(device));
  KVC_TRY(kvc::check_device(peer));
  if (device == peer) {
    *link = KVC_LINK_SAME_DEVICE;
    return KVC_OK;
  }
  int access = 0;
  int atomics = 0;
  KVC_TRY(kvc::check(cudaDeviceGetP2PAttribute(&access, cudaDevP2PAttrAccessSupported, device, peer),
                     "cudaDeviceGetP2PAttribute"));
  KVC_TRY(kvc::check(cudaDeviceGetP2PAttribute(&atomics, cudaDevP2PAttrNativeAtomicSupported, device, peer),
                     "cudaDeviceGetP2PAttribute"));
  // The runtime does not name the link. Native atomics between GPUs exist over NVLink and not over PCIe's BARs, so
  // they tell the two apart on every part since sm_60; a coherent link of another kind would be called NVLink too.
  if (access != 0) *link = atomics != 0 ? KVC_LINK_NVLINK : KVC_LINK_PCIE;
  return KVC_OK;
}

kvc_status kvc_enable_peer(int device, int peer) {
  if (device >= 0 && device < kvc::kDevicesMax && peer >= 0 && peer < kvc::kDevicesMax &&
      kvc::peer_enabled[device][peer].load(std::memory_order_acquire)) {
    return KVC_OK;
  }
  KVC_TRY(kvc::check_device(device));
  KVC_TRY(kvc::check_device(peer));
  if (device == peer) return KVC_OK;
  int possible = 0;
  KVC_TRY(kvc::check(cudaDeviceCanAccessPeer(&possible, device, peer), "cudaDeviceCanAccessPeer"));
  if (possible == 0) return kvc::fail(KVC_ERROR_NO_ACCESS, "GPU %d cannot reach the memory of GPU %d", device, peer);
  const kvc::DeviceGuard guard(device);
  KVC_TRY(guard.status());
  const cudaError_t error = cudaDeviceEnablePeerAccess(peer, 0);
  if (error == cudaErrorPeerAccessAlreadyEnabled) {
    cudaGetLastError();  // somebody else in the process did it
  } else {
    KVC_TRY(kvc::check(error, "cudaDeviceEnablePeerAccess"));
  }
  if (device < kvc::kDevicesMax && peer < kvc::kDevicesMax) {
    kvc::peer_enabled[device][peer].store(true, std::memory_order_release);
  }
  return KVC_OK;
}
