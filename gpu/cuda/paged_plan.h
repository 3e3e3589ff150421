// Cuts paged copies into launches: checks, tables, the unit. Free of CUDA, so that tests run the same tables on the
// host.
#pragma once

#include "gpu/cuda/kvcache_region.h"
#include "gpu/cuda/paged_table.h"

#include <cstddef>
#include <cstdint>

namespace kvc {

/// Which sides have more than one run a slice.
enum class CopyMode {
  kPlain,      // neither: bytes to bytes
  kFromWalks,  // gather
  kToWalks,    // scatter
  kSameWalk,   // both, alike
  kBothWalk    // both, differently
};

struct CopyKind {
  CopyMode mode = CopyMode::kPlain;
  /// Divides every address, stride and run in the table.
  std::uint32_t unit_bytes = 1;
  /// Every chunk is kBulkBytes made of whole runs, none shorter than kBulkRunBytesMin.
  bool bulk = false;
};

/// Takes one launch.
class PagedLauncher {
 public:
  /// Whether it takes bulk copies.
  virtual bool has_bulk() const = 0;
  virtual kvc_status launch(const SmallSlices& table, const CopyKind& kind) = 0;
  virtual kvc_status launch(const MediumSlices& table, const CopyKind& kind) = 0;
  virtual kvc_status launch(const LargeSlices& table, const CopyKind& kind) = 0;
  virtual kvc_status launch(const SmallSlots& table, const CopyKind& kind) = 0;
  virtual kvc_status launch(const MediumSlots& table, const CopyKind& kind) = 0;
  virtual kvc_status launch(const LargeSlots& table, const CopyKind& kind) = 0;

 protected:
  ~PagedLauncher() = default;
};

/// KVC_OK, or which slice is out of bounds.
kvc_status check_slices(const kvc_region& region, const kvc_slice* slices, std::size_t count, std::size_t wire_bytes);
/// REQUIRES: check_slices() passed.
kvc_status plan_gather(const kvc_region& region, const kvc_slice* slices, std::size_t count, std::uint8_t* wire,
                       PagedLauncher& launcher);
kvc_status plan_scatter(const kvc_region& region, const kvc_slice* slices, std::size_t count, const std::uint8_t* wire,
                        PagedLauncher& launcher);

kvc_status check_blocks(const kvc_region& from, const kvc_region& to, const kvc_pair* slots, std::size_t slot_count,
                        const kvc_pair* layers, std::size_t layer_count);
/// REQUIRES: check_blocks() passed.
kvc_status plan_blocks(const kvc_region& from, const kvc_region& to, const kvc_pair* slots, std::size_t slot_count,
                       const kvc_pair* layers, std::size_t layer_count, PagedLauncher& launcher);

/// The same bytes in the order that makes the longest runs. For copies whose sides are alike, where any order will do:
/// NHD to NHD becomes two runs a slice, not one a token and head.
kvc_region::LayerShape longest_runs(kvc_region::LayerShape shape);

}  // namespace kvc
