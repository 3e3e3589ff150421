#include "gpu/testing/virtual_memory.h"

#include <cuda.h>
#include <cuda_runtime.h>

namespace kvp2p {
namespace testing {

namespace {

/// The driver is not linked: its calls are asked for by name.
template <class Call>
Call driver_call(const char* name) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result;
  if (cudaGetDriverEntryPointByVersion(name, &found, 12000, cudaEnableDefault, &result) != cudaSuccess) return nullptr;
  return reinterpret_cast<Call>(found);
}

#define KVP2P_DRIVER(name) static const auto name##_call = driver_call<decltype(&name)>(#name)

}  // namespace

std::string VirtualMemory::allocate(int device, std::size_t bytes, std::size_t pieces) {
  KVP2P_DRIVER(cuMemGetAllocationGranularity);
  KVP2P_DRIVER(cuMemAddressReserve);
  KVP2P_DRIVER(cuMemCreate);
  KVP2P_DRIVER(cuMemMap);
  KVP2P_DRIVER(cuMemSetAccess);
  if (!cuMemGetAllocationGranularity_call || !cuMemAddressReserve_call || !cuMemCreate_call || !cuMemMap_call ||
      !cuMemSetAccess_call) {
    return "the driver has no virtual memory management";
  }
  if (cudaSetDevice(device) != cudaSuccess || cudaFree(nullptr) != cudaSuccess) return "no context";
  CUmemAllocationProp properties = {};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device;
  std::size_t granularity = 0;
  if (cuMemGetAllocationGranularity_call(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM) != CUDA_SUCCESS) {
    return "cuMemGetAllocationGranularity failed";
  }
  piece_bytes_ = ((bytes + pieces - 1) / pieces + granularity - 1) / granularity * granularity;
  reserved_bytes_ = piece_bytes_ * pieces;
  CUdeviceptr start = 0;
  if (cuMemAddressReserve_call(&start, reserved_bytes_, 0, 0, 0) != CUDA_SUCCESS) return "cuMemAddressReserve failed";
  start_ = start;
  for (std::size_t i = 0; i < pieces; ++i) {
    CUmemGenericAllocationHandle handle = 0;
    if (cuMemCreate_call(&handle, piece_bytes_, &properties, 0) != CUDA_SUCCESS) return "cuMemCreate failed";
    handles_.push_back(handle);
    if (cuMemMap_call(start_ + i * piece_bytes_, piece_bytes_, 0, handle, 0) != CUDA_SUCCESS) return "cuMemMap failed";
    ++mapped_;
  }
  CUmemAccessDesc access = {};
  access.location = properties.location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  if (cuMemSetAccess_call(start_, reserved_bytes_, &access, 1) != CUDA_SUCCESS) return "cuMemSetAccess failed";
  return {};
}

VirtualMemory::~VirtualMemory() {
  KVP2P_DRIVER(cuMemUnmap);
  KVP2P_DRIVER(cuMemRelease);
  KVP2P_DRIVER(cuMemAddressFree);
  if (start_ == 0 || !cuMemUnmap_call || !cuMemRelease_call || !cuMemAddressFree_call) return;
  for (std::size_t i = 0; i < mapped_; ++i) cuMemUnmap_call(start_ + i * piece_bytes_, piece_bytes_);
  for (const unsigned long long handle : handles_) cuMemRelease_call(handle);
  cuMemAddressFree_call(start_, reserved_bytes_);
}

}  // namespace testing
}  // namespace kvp2p
