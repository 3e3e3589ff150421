#include "gpu/cuda/kvcache_driver.h"

#include <cuda_runtime_api.h>

namespace kvc {

namespace {

template <class Function>
bool find(const char* name, Function& function) {
  constexpr unsigned kVersion = 12000;
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error = cudaGetDriverEntryPointByVersion(name, &found, kVersion, cudaEnableDefault, &result);
  if (error != cudaSuccess) cudaGetLastError();
  if (error != cudaSuccess || result != cudaDriverEntryPointSuccess || found == nullptr) return false;
  function = reinterpret_cast<Function>(found);
  return true;
}

bool load(Driver& api) {
  return find("cuGetErrorString", api.get_error_string) && find("cuCtxGetCurrent", api.ctx_get_current) &&
         find("cuCtxSetCurrent", api.ctx_set_current) && find("cuDevicePrimaryCtxGetState", api.primary_ctx_state) &&
         find("cuPointerGetAttribute", api.pointer_attribute) && find("cuMemGetAddressRange", api.address_range) &&
         find("cuMemGetAllocationGranularity", api.granularity) && find("cuMemAddressReserve", api.address_reserve) &&
         find("cuMemAddressFree", api.address_free) && find("cuMemMap", api.map) && find("cuMemUnmap", api.unmap) &&
         find("cuMemSetAccess", api.set_access) && find("cuMemGetAccess", api.get_access) &&
         find("cuMemRelease", api.release) && find("cuMemRetainAllocationHandle", api.retain_handle) &&
         find("cuMemGetAllocationPropertiesFromHandle", api.handle_properties) &&
         find("cuMemExportToShareableHandle", api.export_handle) &&
         find("cuMemImportFromShareableHandle", api.import_handle);
}

}  // namespace

const Driver* driver() {
  static Driver api = {};
  static const bool loaded = load(api);
  return loaded ? &api : nullptr;
}

}  // namespace kvc
