#include "gpu/cuda/kvcache_virtual.h"

#include "gpu/cuda/kvcache_driver.h"
#include "gpu/cuda/kvcache_error.h"

#include <fcntl.h>
#include <new>

namespace kvc {

namespace {

constexpr CUmemAllocationHandleType kDescriptor = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;

CUmemAllocationProp properties_of(int device) {
  CUmemAllocationProp properties = {};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device;
  properties.requestedHandleTypes = kDescriptor;
  return properties;
}

/// A descriptor of the allocation mapped at `base`.
kvc_status export_piece(CUdeviceptr base, int* fd) {
  CUmemGenericAllocationHandle handle = 0;
  const CUresult retained = driver()->retain_handle(&handle, reinterpret_cast<void*>(base));
  if (retained != CUDA_SUCCESS) {
    check(retained, "cuMemRetainAllocationHandle");
    return fail(KVC_ERROR_UNSUPPORTED, "neither cudaMalloc's memory nor mapped by cuMemMap: it cannot be shared");
  }
  CUmemAllocationProp properties = {};
  kvc_status status = check(driver()->handle_properties(&properties, handle), "cuMemGetAllocationPropertiesFromHandle");
  if (status == KVC_OK && (properties.requestedHandleTypes & kDescriptor) == 0) {
    status = fail(KVC_ERROR_UNSUPPORTED, "virtual memory made without a shareable handle (a POSIX descriptor)");
  }
  if (status == KVC_OK) {
    status = check(driver()->export_handle(fd, handle, kDescriptor, 0), "cuMemExportToShareableHandle");
  }
  if (status == KVC_OK) fcntl(*fd, F_SETFD, FD_CLOEXEC);
  driver()->release(handle);
  return status;
}

/// Maps one piece behind what is mapped.
kvc_status import_piece(const kvc_piece& piece, VirtualMapping* mapping) {
  CUmemGenericAllocationHandle handle = 0;
  void* descriptor = reinterpret_cast<void*>(static_cast<std::intptr_t>(piece.fd));
  KVC_TRY(check(driver()->import_handle(&handle, descriptor, kDescriptor), "cuMemImportFromShareableHandle"));
  const kvc_status status =
      check(driver()->map(mapping->start + mapping->mapped, piece.bytes, 0, handle, 0), "cuMemMap of imported memory");
  driver()->release(handle);  // the mapping keeps the memory
  if (status == KVC_OK) mapping->mapped += piece.bytes;
  return status;
}

kvc_status map_pieces(const kvc_export& exported, int device, VirtualMapping* mapping) {
  KVC_TRY(check(driver()->address_reserve(&mapping->start, mapping->bytes, 0, 0, 0), "cuMemAddressReserve"));
  for (std::uint32_t i = 0; i < exported.piece_count; ++i) KVC_TRY(import_piece(exported.pieces[i], mapping));
  CUmemAccessDesc access = {};
  access.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  access.location.id = device;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  return check(driver()->set_access(mapping->start, mapping->bytes, &access, 1), "cuMemSetAccess");
}

}  // namespace

kvc_status export_virtual(CUdeviceptr start, std::size_t bytes, kvc_export* exported) {
  exported->kind = KVC_MEMORY_VIRTUAL;
  // 320 KiB for the time of the call, rather than a second walk to count.
  exported->pieces = new (std::nothrow) kvc_piece[KVC_PIECES_MAX]();
  if (exported->pieces == nullptr) return fail(KVC_ERROR_NO_MEMORY, "no memory for an export");
  const CUdeviceptr end = start + bytes;
  CUdeviceptr next = start;
  while (next < end) {
    CUdeviceptr base = 0;
    std::size_t size = 0;
    KVC_TRY(check(driver()->address_range(&base, &size, next), "cuMemGetAddressRange"));
    if (next == start) exported->offset = start - base;
    // A mapping that began earlier would be a part seen twice: the driver names the reservation, not its pieces.
    if ((next != start && base != next) || base + size <= next) {
      return fail(KVC_ERROR_UNSUPPORTED, "the pieces of this virtual memory cannot be told apart");
    }
    if (exported->piece_count == KVC_PIECES_MAX) {
      return fail(KVC_ERROR_UNSUPPORTED, "more than %d pieces of virtual memory", KVC_PIECES_MAX);
    }
    kvc_piece& piece = exported->pieces[exported->piece_count];
    piece.fd = -1;
    piece.bytes = size;
    ++exported->piece_count;
    KVC_TRY(export_piece(base, &piece.fd));
    next = base + size;
  }
  return KVC_OK;
}

kvc_status import_virtual(const kvc_export& exported, int owner, int device, VirtualMapping* mapping, void** start) {
  const CUmemAllocationProp properties = properties_of(owner);
  std::size_t granularity = 0;
  KVC_TRY(check(driver()->granularity(&granularity, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM),
                "cuMemGetAllocationGranularity"));
  for (std::uint32_t i = 0; i < exported.piece_count; ++i) {
    const kvc_piece& piece = exported.pieces[i];
    if (piece.bytes % granularity != 0 || piece.fd < 0) {
      return fail(KVC_ERROR_ARGUMENT, "piece %u of an export: %llu bytes, descriptor %d", i,
                  static_cast<unsigned long long>(piece.bytes), piece.fd);
    }
    mapping->bytes += piece.bytes;
  }
  const kvc_status status = map_pieces(exported, device, mapping);
  if (status != KVC_OK) {
    unmap_virtual(mapping);
    return status;
  }
  *start = reinterpret_cast<void*>(mapping->start + exported.offset);
  return KVC_OK;
}

void unmap_virtual(VirtualMapping* mapping) {
  if (mapping->mapped > 0) driver()->unmap(mapping->start, mapping->mapped);
  if (mapping->start != 0) driver()->address_free(mapping->start, mapping->bytes);
  *mapping = {};
}

}  // namespace kvc
