// The few driver calls that the runtime has no form of, found at run time: without a driver there is a status, not a
// program that does not start.
#pragma once

#include <cuda.h>

namespace kvc {

/// All are set in what driver() returns.
struct Driver {
  decltype(&cuGetErrorString) get_error_string;
  decltype(&cuCtxGetCurrent) ctx_get_current;
  decltype(&cuCtxSetCurrent) ctx_set_current;
  decltype(&cuDevicePrimaryCtxGetState) primary_ctx_state;
  decltype(&cuPointerGetAttribute) pointer_attribute;
  decltype(&cuMemGetAddressRange) address_range;
  decltype(&cuMemGetAllocationGranularity) granularity;
  decltype(&cuMemAddressReserve) address_reserve;
  decltype(&cuMemAddressFree) address_free;
  decltype(&cuMemMap) map;
  decltype(&cuMemUnmap) unmap;
  decltype(&cuMemSetAccess) set_access;
  decltype(&cuMemGetAccess) get_access;
  decltype(&cuMemRelease) release;
  decltype(&cuMemRetainAllocationHandle) retain_handle;
  decltype(&cuMemGetAllocationPropertiesFromHandle) handle_properties;
  decltype(&cuMemExportToShareableHandle) export_handle;
  decltype(&cuMemImportFromShareableHandle) import_handle;
};

/// Null where there is no driver, or one older than CUDA 12. Thread-safe.
const Driver* driver();

}  // namespace kvc
