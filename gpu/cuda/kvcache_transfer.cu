// Memory of another process: cudaMalloc's by CUDA IPC, virtual memory piece by piece (kvcache_virtual.h).
#include "gpu/cuda/kvcache_device.h"
#include "gpu/cuda/kvcache_driver.h"
#include "gpu/cuda/kvcache_virtual.h"

#include <unistd.h>
#include <cstring>
#include <memory>
#include <new>

using kvc::check;
using kvc::fail;

struct kvc_import {
  int device = 0;
  void* ipc = nullptr;               // KVC_MEMORY_IPC
  kvc::VirtualMapping mapping = {};  // KVC_MEMORY_VIRTUAL
};

namespace kvc {

namespace {

static_assert(sizeof(cudaIpcMemHandle_t) == sizeof(kvc_piece::handle), "a CUDA IPC handle has 64 bytes");

kvc_status export_ipc(CUdeviceptr start, size_t bytes, kvc_export* exported) {
  CUdeviceptr base = 0;
  size_t size = 0;
  KVC_TRY(check(driver()->address_range(&base, &size, start), "cuMemGetAddressRange"));
  if (bytes > size - (start - base)) {
    return fail(KVC_ERROR_ARGUMENT, "the range is larger than the allocation it begins in");
  }
  cudaIpcMemHandle_t handle;
  KVC_TRY(check(cudaIpcGetMemHandle(&handle, reinterpret_cast<void*>(base)), "cudaIpcGetMemHandle"));
  exported->pieces = new (std::nothrow) kvc_piece[1]();
  if (exported->pieces == nullptr) return fail(KVC_ERROR_NO_MEMORY, "no memory for an export");
  exported->piece_count = 1;
  exported->kind = KVC_MEMORY_IPC;
  exported->offset = start - base;
  std::memcpy(exported->pieces[0].handle, &handle, sizeof handle);
  exported->pieces[0].fd = -1;
  exported->pieces[0].bytes = size;
  return KVC_OK;
}

/// The visible device of that UUID.
kvc_status find_device(const uint8_t (&uuid)[16], int* found) {
  int count = 0;
  KVC_TRY(kvc_device_count(&count));
  for (int device = 0; device < count; ++device) {
    kvc_device_info info;
    KVC_TRY(kvc_get_device_info(device, &info));
    if (std::memcmp(info.uuid, uuid, sizeof uuid) == 0) {
      *found = device;
      return KVC_OK;
    }
  }
  return fail(KVC_ERROR_NO_DEVICE, "the memory's GPU is not visible to this process");
}

kvc_status check_export(const kvc_export& exported) {
  if (exported.pieces == nullptr || exported.piece_count == 0 || exported.piece_count > KVC_PIECES_MAX) {
    return fail(KVC_ERROR_ARGUMENT, "an export of %u pieces", exported.piece_count);
  }
  const bool ipc = exported.kind == KVC_MEMORY_IPC;
  if ((!ipc && exported.kind != KVC_MEMORY_VIRTUAL) || (ipc && exported.piece_count != 1)) {
    return fail(KVC_ERROR_ARGUMENT, "an export of kind %d with %u pieces", static_cast<int>(exported.kind),
                exported.piece_count);
  }
  uint64_t total = 0;
  for (uint32_t i = 0; i < exported.piece_count; ++i) {
    if (exported.pieces[i].bytes == 0 || __builtin_add_overflow(total, exported.pieces[i].bytes, &total)) {
      return fail(KVC_ERROR_ARGUMENT, "piece %u of an export has an impossible size", i);
    }
  }
  if (exported.bytes == 0 || exported.offset > total || exported.bytes > total - exported.offset) {
    return fail(KVC_ERROR_ARGUMENT, "an export reaches outside its pieces");
  }
  if (exported.offset >= exported.pieces[0].bytes) return fail(KVC_ERROR_ARGUMENT, "an export begins after its piece");
  return KVC_OK;
}

kvc_status import_ipc(const kvc_export& exported, void** ipc, void** start) {
  cudaIpcMemHandle_t handle;
  std::memcpy(&handle, exported.pieces[0].handle, sizeof handle);
  void* opened = nullptr;
  KVC_TRY(check(cudaIpcOpenMemHandle(&opened, handle, cudaIpcMemLazyEnablePeerAccess), "cudaIpcOpenMemHandle"));
  // What the exporter says of the size is not believed: a fault would cost this process its context.
  CUdeviceptr base = 0;
  size_t size = 0;
  const auto at = reinterpret_cast<CUdeviceptr>(opened);
  kvc_status status = check(driver()->address_range(&base, &size, at), "cuMemGetAddressRange of imported memory");
  if (status == KVC_OK &&
      (exported.offset > size - (at - base) || exported.bytes > size - (at - base) - exported.offset)) {
    status = fail(KVC_ERROR_ARGUMENT, "the exported range is larger than the memory behind its handle");
  }
  if (status != KVC_OK) {
    if (cudaIpcCloseMemHandle(opened) != cudaSuccess) cudaGetLastError();
    return status;
  }
  *ipc = opened;
  *start = static_cast<std::uint8_t*>(opened) + exported.offset;
  return KVC_OK;
}

}  // namespace

}  // namespace kvc

kvc_status kvc_export_memory(const void* start, size_t bytes, kvc_export* exported) {
  if (exported == nullptr) return fail(KVC_ERROR_ARGUMENT, "exported is null");
  *exported = {};
  if (start == nullptr || bytes == 0) return fail(KVC_ERROR_ARGUMENT, "nothing to export");
  cudaPointerAttributes attributes = {};
  KVC_TRY(check(cudaPointerGetAttributes(&attributes, start), "cudaPointerGetAttributes"));
  if (attributes.type == cudaMemoryTypeManaged) return fail(KVC_ERROR_UNSUPPORTED, "managed memory cannot be shared");
  if (attributes.type != cudaMemoryTypeDevice) return fail(KVC_ERROR_ARGUMENT, "%p is not device memory", start);
  const kvc::DeviceGuard guard(attributes.device);
  KVC_TRY(guard.status());
  kvc_device_info info;
  KVC_TRY(kvc_get_device_info(attributes.device, &info));

  const auto address = reinterpret_cast<CUdeviceptr>(start);
  int ipc_capable = 0;
  KVC_TRY(
      check(kvc::driver()->pointer_attribute(&ipc_capable, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE, address),
            "cuPointerGetAttribute"));
  CUmemoryPool pool = nullptr;
  if (kvc::driver()->pointer_attribute(&pool, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, address) == CUDA_SUCCESS &&
      pool != nullptr) {
    return fail(KVC_ERROR_UNSUPPORTED, "memory of a cudaMallocAsync pool cannot be shared by its address");
  }
  const kvc_status status =
      ipc_capable != 0 ? kvc::export_ipc(address, bytes, exported) : kvc::export_virtual(address, bytes, exported);
  if (status != KVC_OK) {
    kvc_export_free(exported);
    return status;
  }
  std::memcpy(exported->device_uuid, info.uuid, sizeof info.uuid);
  exported->bytes = bytes;
  return KVC_OK;
}

void kvc_export_free(kvc_export* exported) {
  if (exported == nullptr) return;
  for (uint32_t i = 0; i < exported->piece_count && exported->pieces != nullptr; ++i) {
    if (exported->pieces[i].fd != -1) close(exported->pieces[i].fd);
  }
  delete[] exported->pieces;
  *exported = {};
}

kvc_status kvc_import_memory(const kvc_export* exported, int device, kvc_import** import, void** start) {
  if (exported == nullptr || import == nullptr || start == nullptr) {
    return fail(KVC_ERROR_ARGUMENT, "the export or a result is null");
  }
  *import = nullptr;
  *start = nullptr;
  KVC_TRY(kvc::check_export(*exported));
  int owner = 0;
  KVC_TRY(kvc::find_device(exported->device_uuid, &owner));
  if (owner != device) KVC_TRY(kvc_enable_peer(device, owner));
  const kvc::DeviceGuard guard(device);
  KVC_TRY(guard.status());
  std::unique_ptr<kvc_import> made(new (std::nothrow) kvc_import);
  if (made == nullptr) return fail(KVC_ERROR_NO_MEMORY, "no memory for an import");
  made->device = device;
  KVC_TRY(exported->kind == KVC_MEMORY_IPC ? kvc::import_ipc(*exported, &made->ipc, start)
                                           : kvc::import_virtual(*exported, owner, device, &made->mapping, start));
  *import = made.release();
  return KVC_OK;
}

void kvc_import_close(kvc_import* import) {
  if (import == nullptr) return;
  {
    const kvc::DeviceGuard guard(import->device);
    if (guard.status() == KVC_OK && import->ipc != nullptr && cudaIpcCloseMemHandle(import->ipc) != cudaSuccess) {
      cudaGetLastError();
    }
    if (guard.status() == KVC_OK) kvc::unmap_virtual(&import->mapping);
  }
  delete import;
}
