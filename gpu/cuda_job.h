// One copy that was asked for.
#pragma once

#include "gpu/cuda_chunk.h"
#include "gpu/cuda_import.h"

#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace kvp2p {

enum class CudaCopyKind : std::uint8_t { kGather, kScatter, kDirect };

/// Guarded by its region's lock once it has been submitted.
struct CudaJob {
  CudaCopyKind kind = CudaCopyKind::kGather;
  CopyDone done;
  ReadyEvent ready;
  // kGather, kScatter
  std::vector<SliceCopy> slices;
  CudaSpread spread;
  // kDirect
  std::shared_ptr<CudaImport> from;
  std::vector<kvc_pair> slots;
  std::vector<kvc_pair> layers;

  bool host_ready = false;
  bool begun = false;
  /// It holds a use of `from`.
  bool uses_import = false;
  /// The first slice that no chunk has been cut for; the chunk that waits for a slot.
  std::size_t next = 0;
  unsigned chunks = 0;
  std::optional<CudaChunk> chunk;
  /// Parts on the device or with the copier.
  std::size_t parts = 0;
  base::Error error;
};

/// Takes about as long to cross PCIe as a kernel takes to be launched: so large a copy is not left to others.
inline constexpr std::size_t kCudaSmallBytesMax = 256u << 10;
/// Of small copies that one kernel makes together.
inline constexpr std::size_t kCudaTogetherBytesMax = 1u << 20;
inline constexpr std::size_t kCudaTogetherSlicesMax = 256;

/// Whether it is worth waiting for others to be launched with.
bool is_small(const CudaJob& job);

/// How many of the first jobs one kernel can copy, in whatever order: small ones of one kind, whole, between the region
/// and `range`, none of which writes what another writes. No job is looked at of which something has begun.
std::size_t count_together(const std::deque<std::shared_ptr<CudaJob>>& waiting, const PinnedRange& range);

}  // namespace kvp2p
