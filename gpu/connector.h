// Moves KV blocks between an engine's device memory and host staging memory, converting the engine's layout to wire
// order and back.
#pragma once

#include "base/result.h"
#include "gpu/layout.h"
#include "gpu/ready_event.h"
#include "gpu/region_export.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace kvp2p {

/// Memory that an engine has registered. Ids are never reused.
enum class RegionId : std::uint64_t {};

/// Memory that an engine registers.
struct RegionMemory {
  void* start = nullptr;
  std::size_t bytes = 0;
  /// Host memory only: the memfd that `start` is a shared mapping of, from `memfd_offset` on, so that another process
  /// can be given it; -1: private memory, which is read in place by nobody. The connector duplicates it.
  int memfd = -1;
  std::size_t memfd_offset = 0;
};

/// A region of another process, or of another connector of this process, opened here for reading. Ids are never reused.
enum class ImportId : std::uint64_t {};

/// How one region reaches another: what a person is told of the path taken.
enum class DirectLink : std::uint8_t { kSameDevice = 1, kNvlink, kPcie, kSharedMemory };
const char* to_text(DirectLink link);

/// From a slot or layer of an import to one of a region.
struct IndexPair {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
};

/// One layer of one block: the engine's slot on one side, host memory in wire order (layer_slice_bytes) on the other,
/// coded as the region's layout.format says. What is gathered from a coded region is good if is_sound()
/// (codec/head_slice_codec.h), and only sound slices are scattered.
struct SliceCopy {
  Slot slot = 0;
  /// Index into the region's layers, not the model's.
  std::uint32_t layer = 0;
  /// Gather writes it, scatter reads it. Stays valid until the copy's completion has been called.
  std::uint8_t* host = nullptr;
};

/// Called once, on one of the connector's threads; must not block.
using CopyDone = std::function<void(base::Result<>)>;

/// Thread-safe. Copies of one region run in the order in which they were asked for.
class GpuConnector {
 public:
  virtual ~GpuConnector() = default;

  /// "host memory (no GPU)" or the device's name and UUID: what it is and why it was chosen, for people.
  virtual std::string description() const = 0;

  /// Makes engine memory known. The memory stays the engine's and stays valid until unregister_region returns.
  /// GpuError::kLayoutOutOfBounds if the layout reaches outside.
  virtual base::Result<RegionId> register_region(const RegionMemory& memory, const LayoutDesc& layout) = 0;
  /// Waits for the region's copies under way; later ones fail.
  virtual void unregister_region(RegionId region) = 0;
  virtual base::Result<LayoutDesc> layout_of(RegionId region) const = 0;

  /// Engine → host, after `ready` has happened. The memory may be reused once `done` has been called.
  virtual void gather(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) = 0;
  /// Host → engine, after `ready` has happened (the engine's own last use of the destination).
  virtual void scatter(RegionId region, std::vector<SliceCopy> slices, ReadyEvent ready, CopyDone done) = 0;

  /// The same at once, on the calling thread, if the region's memory can be reached so; false: nothing was done. Not
  /// ordered with other copies of the region, any number at a time: the caller knows that no other touches these slots.
  virtual bool gather_now(RegionId /*region*/, const std::vector<SliceCopy>& /*slices*/) { return false; }
  virtual bool scatter_now(RegionId /*region*/, const std::vector<SliceCopy>& /*slices*/) { return false; }

  /// Calls `done` once a device's event (ReadyEvent::device; null: at once) has happened, with an error if the region
  /// goes before. Holds up no copy. The event may be used for something else when this returns.
  virtual void when_happened(RegionId region, void* event, CopyDone done) = 0;

  /// Whether regions are a device's memory, so that host memory that lives long is worth taking from allocate_host.
  virtual bool is_device() const { return false; }
  /// Allocates host memory that this device copies from and to fastest (pinned for CUDA). Slow: for pools, at start-up.
  virtual base::Result<std::shared_ptr<std::uint8_t[]>> allocate_host(std::size_t bytes) = 0;

  // The direct path: memory to memory on one host, without staging ----------------------------------------------------

  /// What another connector of this host, in this process or another, needs to read the region in place. Slow.
  /// GpuError::kNotShareable, and the reason is logged, for memory that cannot be shared.
  virtual base::Result<RegionExport> export_region(RegionId region) = 0;
  /// Opens it for reading. Slow, up to 10 ms: not on the node thread, and kept. `exported` is hostile: its layout is
  /// checked against what was mapped. GpuError::kNotReachable if this device cannot get there.
  virtual base::Result<ImportId> import_region(RegionExport exported) = 0;
  /// Waits for the import's copies under way; later ones fail. From inside a CopyDone only if no other copy uses it.
  virtual void close_import(ImportId import) = 0;
  virtual base::Result<DirectLink> link_of(ImportId import) const = 0;
  /// Copies every layer pair of every slot pair, layouts converted: one pass. REQUIRES, checked: equal format but for
  /// the layer range, slots and layers in bounds (kFormatMismatch, kSlotOutOfRange, kLayerOutOfRange). Queued by the
  /// calling thread where the device can, so that nothing is waited for; ordered with the other copies of `to`. `done`
  /// comes when the bytes are in place; whether they are the wanted ones, the caller finds by generation.
  virtual void copy_direct(ImportId from, RegionId to, std::vector<IndexPair> slots, std::vector<IndexPair> layers,
                           ReadyEvent ready, CopyDone done) = 0;

  /// Makes the caller's stream wait, without blocking this thread where the device can, until what was scattered before
  /// is visible to it. For host memory nothing is needed.
  virtual base::Result<> stream_wait(RegionId region, void* stream) = 0;
};

}  // namespace kvp2p
