// What one connector tells another of the same host, so that it can read a region in place.
#pragma once

#include "base/unique_fd.h"
#include "gpu/layout.h"

#include <array>
#include <cstdint>
#include <vector>

namespace kvp2p {

/// A GPU's UUID; zeros for host memory.
using DeviceUuid = std::array<std::uint8_t, 16>;

/// Allocations that one exported region may consist of: 80 GB in PyTorch's pieces of 20 MiB.
inline constexpr std::size_t kExportPiecesMax = 4096;

enum class ExportKind : std::uint8_t {
  kHostMemfd = 1,    // one piece: fd
  kCudaIpc = 2,      // one piece: handle
  kCudaVirtual = 3,  // pieces with an fd each, mapped one after the other
};

/// One allocation. Moves, does not copy.
struct ExportPiece {
  std::array<std::uint8_t, 64> handle{};
  base::UniqueFd fd;
  std::uint64_t bytes = 0;  // of the whole allocation
};

/// Goes to another process as a message (direct/) with the descriptors beside it. From outside it is hostile.
struct RegionExport {
  ExportKind kind = ExportKind::kHostMemfd;
  DeviceUuid device{};
  /// Names the exporting process: random, made once a process. An importer in the same process uses `address`, for a
  /// process cannot open its own CUDA IPC handles.
  std::array<std::uint8_t, 16> process{};
  std::uint64_t address = 0;
  std::uint64_t offset = 0;  // of the region in the first piece
  std::uint64_t bytes = 0;   // of the region
  std::vector<ExportPiece> pieces;
  LayoutDesc layout;
};

/// This process's own name, as in RegionExport::process.
const std::array<std::uint8_t, 16>& this_process();

}  // namespace kvp2p
