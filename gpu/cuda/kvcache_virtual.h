// Virtual memory (cuMemCreate, cuMemMap) across processes: a descriptor a piece.
#pragma once

#include "gpu/cuda/kvcache.h"

#include <cuda.h>
#include <cstddef>
#include <cstdint>

namespace kvc {

/// Another process's pieces, mapped one after the other.
struct VirtualMapping {
  CUdeviceptr start = 0;
  std::size_t bytes = 0;   // reserved
  std::size_t mapped = 0;  // of them, from the start on
};

/// Sets kind, offset and pieces. On an error the caller frees what was filled. REQUIRES: the memory's device is
/// current.
kvc_status export_virtual(CUdeviceptr start, std::size_t bytes, kvc_export* exported);

/// REQUIRES: checked sizes, `device` is current. On an error nothing stays mapped.
kvc_status import_virtual(const kvc_export& exported, int owner, int device, VirtualMapping* mapping, void** start);
void unmap_virtual(VirtualMapping* mapping);

}  // namespace kvc
